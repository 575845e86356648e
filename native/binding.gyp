# The add-on: the data plane of native/ for node. The Node-free builds are in CMakeLists.txt.
# Needs scripts/gen-protocols and scripts/build-bpf to have run (scripts/build does all of it).
#
# Neither OpenSSL nor nghttp2 nor libuv is linked: node exports its own copies, whose symbols would
# win anyway. They stay undefined here and are resolved when node loads the add-on.
{
  'targets': [
    {
      'target_name': 'dataplane',
      'sources': ['<!@(node list-sources.cjs)'],
      'include_dirs': [
        '.',
        '../bpf/include',
        '../build/gen/cc-lite',
        '../build/gen/bpf',
        '<!(node -p "require(\'node-addon-api\').include_dir")',
      ],
      'defines': [
        'NAPI_VERSION=9',
        'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
      ],
      # node's own choice of language standard comes first on the command line; ours must be alone.
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-O3'],
      'cflags_cc': [
        '-std=c++20',
        '-O2',
        '-g',
        '-fno-exceptions',
        '-fno-rtti',
        '-Wall',
        # Sources leave trailing members of designated initialisers to their defaults.
        '-Wno-missing-field-initializers',
        # Profilers walk the stack of a running proxy.
        '-fno-omit-frame-pointer',
        # Only node_api's entry points are exported: nothing of ours can clash with another add-on
        # or be replaced by a symbol of node's.
        '-fvisibility=hidden',
        '-fvisibility-inlines-hidden',
        # Hardening: bytes of strangers are parsed here. Overflows of stack buffers and of
        # buffers whose size the compiler knows end the process.
        '-fstack-protector-strong',
        '-U_FORTIFY_SOURCE',
        '-D_FORTIFY_SOURCE=2',
      ],
      'conditions': [
        ['OS=="linux"', {
          # nghttp2's headers, but not its library: see above.
          'cflags_cc': ['<!@(pkg-config --cflags protobuf-lite libbpf libnghttp2 re2)'],
          'libraries': ['<!@(pkg-config --libs protobuf-lite libbpf re2)'],
          'ldflags': [
            # All symbols are bound at load, so that one that node lacks is an error then, and the
            # tables they are bound through become read-only.
            '-Wl,-z,relro',
            '-Wl,-z,now',
            '-Wl,-z,noexecstack',
          ],
        }],
        ['OS=="mac"', {
          'xcode_settings': {
            'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
            'CLANG_CXX_LIBRARY': 'libc++',
            'MACOSX_DEPLOYMENT_TARGET': '12.0',
            'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
            'GCC_ENABLE_CPP_RTTI': 'NO',
            'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
            'OTHER_CPLUSPLUSFLAGS': [
              '-fno-omit-frame-pointer',
              '-fstack-protector-strong',
              '<!@(pkg-config --cflags protobuf-lite libnghttp2 re2)',
            ],
            'OTHER_LDFLAGS': [
              '-undefined dynamic_lookup',
              '<!@(pkg-config --libs protobuf-lite re2)',
            ],
          },
        }],
      ],
    },
  ],
}
