// Who may import whom (ARCHITECTURE.md has the picture). `npm run imports` checks it; test/imports.test.ts plants a
// violation of each rule. A type-only import counts like any other: it ties two files together just the same.
//
// TypeScript's parser sees static and dynamic imports, import('x') in types, and types in JSDoc. It doesn't see
// createRequire(...)('x'); but what that returns is `any`, and the cast that makes it usable names the package again.

/** Folders whose code is in the package. */
const SHIPPED = '^(kernel|blocks|ipc|proto)/';
/** The one part of those that isn't: it makes proto/gen. */
const GENERATOR = '^proto/generate\\.ts$';

/** Each third-party package, and the only shipped files that may import it. A new dependency is a row here. */
const HOMES = [
  { name: 'grpc-js', package: '@grpc/grpc-js', home: '^kernel/(app/grpc|grpc/reference)\\.ts$', comment: 'the gRPC server can be replaced in one file, and the client of the application in another.' },
  { name: 'ioredis', package: 'ioredis', home: '^blocks/clients/redis\\.ts$', comment: 'every block connects to Redis in the same way, and a change of client is a change of one file.' },
  { name: 'kafkajs', package: 'kafkajs', home: '^blocks/clients/kafka/', comment: 'what this client must not be left to decide by itself is put right in one folder.' },
  { name: 'etcd3', package: 'etcd3', home: '^blocks/clients/etcd/', comment: 'every block speaks to etcd in the same way, and what this client retries by itself is decided in one folder.' },
  { name: 'koffi', package: 'koffi', home: '^ipc/libc\\.ts$', comment: 'calls into C can end the process; all of them are in the file that says why each is safe.' },
  { name: 'msgpackr', package: 'msgpackr', home: '^ipc/', comment: 'how a head is encoded is known to the transport alone.' },
  { name: 'pino', package: 'pino', home: '^proto/log\\.ts$', comment: 'the two forms of a log line are made in one place.' },
  { name: 'piscina', package: 'piscina', home: '^kernel/launch-thread\\.ts$', comment: 'only a sidecar with blocks in threads loads it, and what it would do by itself is turned off in one place.' },
  { name: 'cel', package: '@bufbuild/cel', home: '^blocks/cel\\.ts$', comment: 'it is loaded only when somebody has an expression, and kept to what cel-go does.' },
  { name: 'prom-client', package: 'prom-client', home: '^kernel/metrics/registry\\.ts$', comment: 'metrics are counted by our own means, and become text in one place; who is not scraped does not load it.' },
  { name: 'protobuf', package: '@bufbuild/protobuf', home: '^(proto/|kernel/grpc/reflection\\.ts$)', comment: 'everybody else uses the generated codecs and proto/wire.ts; reflection works on descriptors.' },
  { name: 'undici', package: 'undici', home: '^kernel/app/http\\.ts$', comment: 'only a sidecar with an HTTP application pays for an HTTP client.' },
  { name: 'yaml', package: 'yaml', home: '^(kernel/yaml|blocks/config/file)\\.ts$', comment: 'YAML is parsed with one set of options on each side, and loaded only when there is a file to parse.' },
  { name: 'levenshtein', package: 'fastest-levenshtein', home: '^(kernel/suggest|blocks/metadata)\\.ts$', comment: 'a guess at what was meant is made once on each side.' },
];

/** @param {string} name */
const packagePath = (name) => `node_modules/${name.replaceAll('.', '\\.')}/`;

/** @satisfies {import('dependency-cruiser').IConfiguration} */
const config = {
  forbidden: [
    {
      name: 'proto-is-the-ground', severity: 'error',
      comment: 'proto is the vocabulary that everything else is written in: it imports nothing of ours, so that nobody drags in a neighbour with a message type.',
      from: { path: '^proto/' },
      to: { path: '^(kernel|blocks|ipc|test|bench|tools)/' },
    },
    {
      name: 'ipc-knows-proto-only', severity: 'error',
      comment: 'ipc moves bytes. A transport that knew a block or a listener could not serve the next one.',
      from: { path: '^ipc/' },
      to: { path: '^(kernel|blocks|test|bench|tools)/' },
    },
    {
      name: 'kernel-never-blocks', severity: 'error',
      comment: 'What is not in the kernel can\'t crash it: the kernel holds the path of a block\'s entry and never its code. Shared vocabulary goes to proto.',
      from: { path: '^kernel/' },
      to: { path: '^blocks/' },
    },
    {
      name: 'blocks-never-kernel', severity: 'error',
      comment: 'A block may run in another process, container or host than the kernel: what it needs arrives in `init`. Shared vocabulary goes to proto.',
      from: { path: '^blocks/' },
      to: { path: '^kernel/' },
    },
    {
      name: 'blocks-apart', severity: 'error',
      comment: 'Each block is a compartment of its own. What two of them need lies directly under blocks/, or in blocks/clients and blocks/resiliency.',
      from: { path: '^blocks/([^/]+)/' },
      to: { path: '^blocks/[^/]+/', pathNot: '^blocks/($1|clients|resiliency)/' },
    },
    {
      name: 'common-block-files-know-no-block', severity: 'error',
      comment: 'Files directly under blocks/ are for every block: only the host, whose table loads one block, may name one.',
      from: { path: '^blocks/[^/]+\\.ts$', pathNot: '^blocks/host\\.ts$' },
      to: { path: '^blocks/[^/]+/', pathNot: '^blocks/(clients|resiliency)/' },
    },
    {
      name: 'no-cycle', severity: 'error',
      comment: 'In a cycle no file can be loaded, tested or replaced first. Move what they share to a file of its own. (An import of types alone doesn\'t close a cycle.)',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only', 'type-import'] } },
    },
    {
      name: 'nobody-imports-tests', severity: 'error',
      comment: 'Tests and benchmarks are not in the package, and what others build on would stop being free to change.',
      from: { pathNot: '^(test|bench)/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'nothing-shipped-imports-tools', severity: 'error',
      comment: 'tools/ serves the repository and is not in the package.',
      from: { path: SHIPPED },
      to: { path: '^tools/' },
    },
    {
      name: 'no-dev-dependency-shipped', severity: 'error',
      comment: 'A devDependency is not there once the package is installed. Move it to dependencies, or do without.',
      from: { path: SHIPPED, pathNot: GENERATOR },
      to: { dependencyTypes: ['npm-dev'] },
    },
    {
      name: 'every-import-is-there', severity: 'error',
      comment: 'It doesn\'t resolve, or it is a package that package.json doesn\'t name: it would be missing, or another version, elsewhere.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'every-package-is-declared', severity: 'error',
      comment: 'The package is here only because another one needs it. Name it in package.json.',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'every-package-has-a-home', severity: 'error',
      comment: 'Each third-party package has one home, listed in HOMES of .dependency-cruiser.mjs: add a row for a new one.',
      from: { path: SHIPPED, pathNot: GENERATOR },
      to: { dependencyTypes: ['npm'], pathNot: HOMES.map((row) => packagePath(row.package)) },
    },
    ...HOMES.map((row) => ({
      name: `${row.name}-has-one-home`, severity: /** @type {const} */ ('error'),
      comment: `${row.package} is imported from ${row.home} only: ${row.comment}`,
      from: { path: SHIPPED, pathNot: row.home },
      to: { path: packagePath(row.package) },
    })),
    {
      name: 'sqlite-has-one-home', severity: 'error',
      comment: 'node:sqlite blocks the thread that calls it: the state block\'s sqlite files know how to keep its calls short.',
      from: { path: SHIPPED, pathNot: '^blocks/state/sqlite[^/]*\\.ts$' },
      to: { path: '^(node:)?sqlite$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    parser: 'tsc',
    tsPreCompilationDeps: true,
    detectJSDocImports: true,
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'node', 'import', 'require', 'default'], extensions: ['.ts', '.js', '.mjs'] },
  },
};

export default config;
