// Lint rules of the TypeScript and of the scripts. Strict presets, plus the four singular places:
// process.env, opening the add-on, process.exit and timers each have one home (CONTRIBUTING.md).
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const RESTRICTED = {
  environment: {
    selector: "MemberExpression[object.name='process'][property.name='env']",
    message: 'process.env is read in src/config/environment.ts only.',
  },
  addon: {
    selector: "MemberExpression[object.name='process'][property.name='dlopen']",
    message: 'The add-on is opened in src/dataplane/load.ts only.',
  },
  addonImport: {
    selector: "ImportDeclaration[source.value='node-gyp-build']",
    message: 'The add-on is opened in src/dataplane/load.ts only.',
  },
  exit: {
    selector: "MemberExpression[object.name='process'][property.name=/^(exit|reallyExit|abort)$/]",
    message: 'process.exit is called in src/main.ts only; return an exit code or throw.',
  },
  timers: {
    selector:
      'CallExpression[callee.name=/^(setTimeout|setInterval|setImmediate|clearTimeout|clearInterval|clearImmediate)$/]',
    message: 'Timers come from the Clock of src/core/clock.ts.',
  },
  timersOfGlobal: {
    selector:
      "CallExpression[callee.object.name='globalThis'][callee.property.name=/^(setTimeout|setInterval|setImmediate)$/]",
    message: 'Timers come from the Clock of src/core/clock.ts.',
  },
  timersImport: {
    selector: 'ImportDeclaration[source.value=/^(node:)?timers(\\u002fpromises)?$/]',
    message: 'Timers come from the Clock of src/core/clock.ts.',
  },
  privateKeyword: {
    selector: ':matches(PropertyDefinition, MethodDefinition)[accessibility="private"]',
    message: 'Private is #name: the only privacy there is at run time.',
  },
  abortTimeout: {
    selector: "MemberExpression[object.name='AbortSignal'][property.name='timeout']",
    message: 'Timers come from the Clock of src/core/clock.ts.',
  },
};

// Every rule but those named.
const allBut = (...names) => [
  'error',
  ...Object.entries(RESTRICTED)
    .filter(([name]) => !names.includes(name))
    .map(([, rule]) => rule),
];

export default tseslint.config(
  { ignores: ['build/', 'dist/', 'native/', 'prebuilds/', 'src/*/gen/', '.dependency-cruiser.cjs'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      // A proxy looks for control characters on purpose.
      'no-control-regex': 'off',
      'no-restricted-syntax': allBut(),
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/explicit-function-return-type': [
        'error',
        { allowExpressions: true, allowTypedFunctionExpressions: true },
      ],
      '@typescript-eslint/explicit-member-accessibility': ['error', { accessibility: 'no-public' }],
      '@typescript-eslint/naming-convention': [
        'error',
        { selector: 'typeLike', format: ['PascalCase'] },
        { selector: 'interface', format: ['PascalCase'], custom: { regex: '^I[A-Z]', match: false } },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/parameter-properties': 'error',
    },
  },
  { files: ['src/config/environment.ts'], rules: { 'no-restricted-syntax': allBut('environment') } },
  { files: ['src/dataplane/load.ts'], rules: { 'no-restricted-syntax': allBut('addon', 'addonImport') } },
  { files: ['src/main.ts'], rules: { 'no-restricted-syntax': allBut('exit') } },
  {
    files: ['src/core/clock.ts'],
    rules: { 'no-restricted-syntax': allBut('timers', 'timersImport', 'timersOfGlobal', 'abortTimeout') },
  },
  {
    // Tests start processes and bound their waits; nothing in them is shipped.
    files: ['test/**/*.ts'],
    rules: {
      'no-restricted-syntax': 'off',
      // `test()` and `describe()` of node:test return promises that the runner awaits.
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    languageOptions: {
      ecmaVersion: 2023,
      globals: {
        AbortController: 'readonly',
        AbortSignal: 'readonly',
        Buffer: 'readonly',
        URL: 'readonly',
        clearInterval: 'readonly',
        clearTimeout: 'readonly',
        console: 'readonly',
        fetch: 'readonly',
        module: 'readonly',
        process: 'readonly',
        setInterval: 'readonly',
        setTimeout: 'readonly',
      },
    },
    rules: { eqeqeq: ['error', 'always'], 'no-var': 'error', 'prefer-const': 'error' },
  },
);
