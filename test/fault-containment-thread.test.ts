// What a thread contains of a driver's failures: an exception, an exit, a full heap, an endless loop, and whatever it does to its
// channel. Native code that crashes, or a signal to the process, ends the sidecar: that takes a process.
import { containmentConformance } from './conformance/containment.ts';

containmentConformance('thread', ['--hang-ms=1500', '--block-heap=64Mi'], [
  { failure: 'throw', block: 'state', cause: 'exit', code: 1, reason: /exit code 1/, lastError: /thrown on purpose/ },
  { failure: 'reject', block: 'pubsub', cause: 'exit', code: 1, reason: /exit code 1/, lastError: /rejected on purpose/ },
  { failure: 'exit', argument: '7', block: 'lock', cause: 'exit', code: 7, reason: /exit code 7/ },
  { failure: 'ring-corrupt', block: 'lock', cause: 'protocol', reason: /it broke the protocol: / },
  { failure: 'stray-replies', block: 'state', cause: 'protocol', reason: /it broke the protocol: .*never made/ },
  { failure: 'heap', block: 'config', cause: 'heap', reason: /heap/ },
  { failure: 'loop', block: 'sequencer', cause: 'hang', reason: /it has hung for \d+ ms/ },
]);
