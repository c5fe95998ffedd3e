// What a call of the application came to that it did not do as it should, as an error for the guard around the call.

export class AppFailure extends Error {
  override readonly name = 'AppFailure';
  /** HTTP status or gRPC code, for the `matching` of retries; undefined: none, and the failure is retried whatever it says. */
  readonly code: number | undefined;
  /** The application was not called: no failure of its own, and nothing that a retry of the policy would mend. */
  readonly unasked: boolean;

  constructor(message: string, { code, unasked = false }: { readonly code?: number | undefined; readonly unasked?: boolean } = {}) {
    super(message);
    this.code = code;
    this.unasked = unasked;
  }
}
