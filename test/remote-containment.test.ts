// Each way in which a driver can end its block, in a container of its own: contained, told with its cause, and over in a moment. The kernel
// sees it through shared memory and the link alone.
import { containmentConformance } from './conformance/containment.ts';

containmentConformance('remote', ['--hang-ms=1500', '--block-heap=64Mi'], [
  { failure: 'throw', block: 'state', cause: 'exit', code: 1, reason: /exit code 1: .*thrown on purpose/, lastError: /thrown on purpose/ },
  { failure: 'kill', block: 'sequencer', cause: 'signal', signal: 'SIGKILL', reason: /signal SIGKILL/ },
  { failure: 'ring-corrupt', block: 'lock', cause: 'protocol', reason: /it broke the protocol: / },
  { failure: 'heap', block: 'config', cause: 'heap', reason: /heap/ },
  { failure: 'loop', block: 'pubsub', cause: 'hang', reason: /it has hung for \d+ ms/ },
]);
