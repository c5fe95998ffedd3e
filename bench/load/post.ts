// What the last hop of a delivery costs by itself: the HTTP client that the sidecar uses, the same event to the same
// application, again and again.
import { Pool, type Dispatcher } from 'undici';
import { serveWindows, type LoadSpec, type Recorder } from './window.ts';

export interface PostSpec extends LoadSpec {
  readonly path: string;
  readonly headers: readonly string[];
  readonly body: string;
}

class Post implements Dispatcher.DispatchHandler {
  readonly #again: () => void;
  readonly #recorder: Recorder;
  readonly #sentAt = performance.now();
  #status = 0;

  constructor(recorder: Recorder, again: () => void) {
    this.#recorder = recorder;
    this.#again = again;
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    if (this.#status === 200) this.#recorder.answered(performance.now() - this.#sentAt);
    else this.#recorder.failed(`status ${this.#status}`);
    this.#again();
  }

  onResponseError(_controller: Dispatcher.DispatchController, cause: Error): void {
    this.#recorder.failed(cause.message);
    this.#again();
  }
}

serveWindows<PostSpec>(({ port, connections, path, headers, body }, recorder) => {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, allowH2: false });
  const bytes = Buffer.from(body);
  let closed = false;
  const post = (): void => {
    if (!closed) pool.dispatch({ method: 'POST', path, headers: [...headers], body: bytes }, new Post(recorder, post));
  };
  for (let i = 0; i < connections; i++) post();
  return {
    close: async () => {
      closed = true;
      await pool.close();
    },
  };
});
