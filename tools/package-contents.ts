// What the package may hold and what it must: by the names of its files, and by what no published file may say.

const ALLOWED = [
  /^package\/(package\.json|LICENSE|README\.md|ARCHITECTURE\.md|CAVEATS\.md|CHANGELOG\.md|SECURITY\.md)$/,
  /^package\/proto\/[\w/]+\.proto$/,
  /^package\/dist\/(kernel|blocks|ipc|proto)\/[\w./-]+\.(js|d\.ts)$/,
];

/** Allowed by their place, and yet not for users. */
const REFUSED = [/\.test\./, /(^|\/)(test|tests|bench|fixtures|conformance)\//, /\/proto\/generate\./];

const REQUIRED = [
  'package/LICENSE', 'package/README.md', 'package/package.json',
  'package/dist/kernel/main.js', 'package/dist/kernel/cli.js', // what is started
  'package/dist/blocks/main.js', 'package/dist/blocks/thread.js', 'package/dist/blocks/host.js', // what the kernel loads by its path
  'package/dist/proto/gen/descriptors.js', // what server reflection answers from
];

const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, 'a private key'],
  [/\b(npm_[A-Za-z0-9]{36}|gh[pousr]_[A-Za-z0-9]{36}|AKIA[A-Z0-9]{16})\b/, 'a token'],
  [/_authToken\s*=/, 'a registry\'s credentials'],
];

/** What is wrong with a package of these files, a sentence each. @param files paths as they are in the tarball */
export function packageProblems(files: readonly string[]): string[] {
  return [
    ...REQUIRED.filter((file) => !files.includes(file)).map((file) => `${file} is missing`),
    ...files.filter((file) => !ALLOWED.some((pattern) => pattern.test(file)) || REFUSED.some((pattern) => pattern.test(file))).map((file) => `${file} has no place in it`),
  ];
}

/** What a text gives away that nobody should publish; undefined for nothing. */
export function secretIn(text: string): string | undefined {
  return SECRETS.find(([pattern]) => pattern.test(text))?.[1];
}
