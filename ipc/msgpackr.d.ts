// msgpackr's build without generated code has no declarations of its own: they are those of the package.
declare module 'msgpackr/index-no-eval' {
  export { Packr, Unpackr } from 'msgpackr';
}
