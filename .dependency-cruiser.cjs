// Who may import whom in src/. The table is the architecture; anything not in it is refused.
// ARCHITECTURE.md explains the folders. Run by `npm run layers`.
const MAY_IMPORT = {
  core: [],
  config: ['core'],
  dataplane: ['core'],
  api: ['core'],
  control: ['core', 'config', 'api'],
  discovery: ['core', 'config'],
  identity: ['core', 'config', 'api', 'control'],
  policy: ['core', 'config', 'api', 'control'],
  controller: ['core', 'config', 'api', 'control', 'discovery'],
  routing: ['core', 'config', 'discovery', 'dataplane', 'control', 'policy'],
  ebpf: ['core', 'config', 'dataplane'],
  launch: ['core', 'config'],
  metrics: ['core', 'config', 'dataplane', 'routing', 'control', 'identity'],
  why: ['core', 'dataplane', 'routing'],
  logs: ['core', 'config', 'dataplane', 'why'],
  admin: ['core', 'config', 'dataplane', 'metrics', 'routing', 'why'],
  run: ['core', 'config', 'dataplane', 'ebpf', 'launch'],
  proxy: [
    'core',
    'config',
    'api',
    'dataplane',
    'control',
    'discovery',
    'identity',
    'policy',
    'routing',
    'logs',
    'metrics',
    'admin',
    'why',
    'run',
  ],
  cli: [
    'core',
    'config',
    'dataplane',
    'ebpf',
    'why',
    'admin',
    'run',
    'app.ts',
    'controller-app.ts',
    'proxy',
    'controller',
  ],
  'app.ts': '*',
  'controller-app.ts': '*',
  'main.ts': ['core', 'config', 'cli', 'app.ts'],
};

const isFile = (name) => name.endsWith('.ts');
const pattern = (name) => (isFile(name) ? `src/${name.replace('.', '\\.')}$` : `src/${name}/`);
const names = Object.keys(MAY_IMPORT);

const layerRules = names
  .filter((name) => MAY_IMPORT[name] !== '*')
  .map((name) => {
    const allowed = isFile(name) ? MAY_IMPORT[name] : [name, ...MAY_IMPORT[name]];
    return {
      name: `layer-${name}`,
      comment: `src/${name} may import: ${allowed.join(', ') || 'nothing of ours'}.`,
      severity: 'error',
      from: { path: `^${pattern(name)}` },
      to: { path: '^src/', pathNot: allowed.map((target) => `^${pattern(target)}`) },
    };
  });

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'folder-not-in-the-table',
      comment: 'A new folder of src/ needs a row in .dependency-cruiser.cjs first.',
      severity: 'error',
      from: {},
      to: { path: '^src/', pathNot: names.map((name) => `^${pattern(name)}`) },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or lack a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'src-without-tests',
      comment: 'What is shipped never imports what tests it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^test/' },
    },
    {
      name: 'no-undeclared-package',
      comment: 'Shipped code uses only packages of "dependencies".',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'resolvable',
      comment: 'An import that resolves to nothing; generated code needs scripts/gen-protocols.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'one-vendor-one-folder',
      comment: 'The metrics library stays behind the folder that wraps it.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/metrics/' },
      to: { path: 'node_modules/prom-client/' },
    },
    {
      name: 'one-vendor-two-folders',
      comment: 'gRPC stays behind the folder that asks and the one that answers.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(control|controller)/' },
      to: { path: 'node_modules/@grpc/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.d.ts', '.json'],
    },
  },
};
