// Gives dependency-cruiser, and nobody else, TypeScript 6: it parses through the compiler API, which TypeScript 7 no longer
// has under that name. To go, together with the devDependency `typescript-6`, when dependency-cruiser can do without.
// JavaScript, because dependency-cruiser's command loads it.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, nextResolve) {
    const isTypeScript = specifier === 'typescript' || specifier.startsWith('typescript/');
    const isAsked = isTypeScript && context.parentURL?.includes('/node_modules/dependency-cruiser/') === true;
    return nextResolve(isAsked ? specifier.replace('typescript', 'typescript-6') : specifier, context);
  },
});
