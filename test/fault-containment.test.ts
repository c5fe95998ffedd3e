// Each way in which a driver can end its block, in a process of its own: contained, told with its cause, and over in a moment.
import { containmentConformance } from './conformance/containment.ts';

containmentConformance('process', ['--hang-ms=1500', '--block-heap=64Mi'], [
  { failure: 'throw', block: 'state', cause: 'exit', code: 1, reason: /exit code 1/, lastError: /thrown on purpose/ },
  { failure: 'reject', block: 'pubsub', cause: 'exit', code: 1, reason: /exit code 1/, lastError: /rejected on purpose/ },
  { failure: 'exit', argument: '7', block: 'lock', cause: 'exit', code: 7, reason: /exit code 7/ },
  { failure: 'kill', block: 'sequencer', cause: 'signal', signal: 'SIGKILL', reason: /signal SIGKILL/ },
  { failure: 'segv', block: 'state', cause: 'signal', signal: 'SIGSEGV', reason: /signal SIGSEGV/ },
  { failure: 'ring-corrupt', block: 'lock', cause: 'protocol', reason: /it broke the protocol: / },
  { failure: 'stray-replies', block: 'state', cause: 'protocol', reason: /it broke the protocol: .*never made/ },
  { failure: 'too-many-calls', block: 'pubsub', cause: 'protocol', reason: /it broke the protocol: more than \d+ calls at once/ },
  { failure: 'heap', block: 'config', cause: 'heap', reason: /heap/ },
  { failure: 'loop', block: 'sequencer', cause: 'hang', reason: /it has hung for \d+ ms/ },
]);
