// The figures as texts: a table for each question, in which a mode that could not run has a row that says so.
import { tableText, type Row } from '../table.ts';
import { cellName, MODE_NAMES, type Mode } from './names.ts';
import type { FaultRecord, Victim } from './records.ts';
import type { KillSummary, Spread, Summary } from './summary.ts';

/** E.g. `12,345 (11,900-13,000)`. */
export function spreadText(spread: Spread | undefined): string {
  if (spread === undefined || !Number.isFinite(spread.median)) return '-';
  const { median, min, max, values } = spread;
  return values.length === 1 ? numberText(median) : `${numberText(median)} (${numberText(min)}-${numberText(max)})`;
}

/** Three digits, or all before the point. */
export function numberText(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** Why a mode has no figures in a part; undefined where nothing went wrong. */
export function faultOf(faults: readonly FaultRecord[], mode: Mode, part: FaultRecord['part']): string | undefined {
  const fault = faults.find((one) => one.mode === mode && one.part === part);
  return fault === undefined ? undefined : `CANNOT DO THIS HERE: ${fault.what}: ${fault.reason.split('\n', 1)[0] ?? ''}`;
}

const missing = ({ faults }: Summary, mode: Mode, part: FaultRecord['part']): string => faultOf(faults, mode, part) ?? 'not measured';

export function saturationRows(summary: Summary): Row[] {
  return summary.cells.flatMap((cell) => summary.modes.map((mode): Row => {
    const found = cell.modes[mode]?.saturation;
    const row = { question: cellName(cell), 'in flight': cell.inFlight, mode };
    if (found === undefined) return { ...row, 'calls/s': missing(summary, mode, 'work') };
    return {
      ...row, 'calls/s': spreadText(found.perSecond), 'x first': spreadText(found.perSecondRatio), 'CPU us': spreadText(found.cpuUs), 'CPU x first': spreadText(found.cpuRatio),
      'app us': found.appUs === undefined ? '' : numberText(found.appUs.median), 'load %': Math.round(found.load.median * 100), errors: found.errors,
    };
  }));
}

export function pacedRows(summary: Summary): Row[] {
  return summary.cells.flatMap((cell) => summary.modes.map((mode): Row => {
    const found = cell.modes[mode]?.paced;
    const row = { question: cellName(cell), 'calls/s': cell.pacedPerSecond, mode };
    if (found === undefined) return { ...row, 'p50 us': missing(summary, mode, 'work') };
    return {
      ...row, 'p50 us': spreadText(found.p50Us), 'p99 us': spreadText(found.p99Us), 'p99.9 us': p999Text(found), 'CPU us': spreadText(found.cpuUs), calls: found.calls, errors: found.errors,
    };
  }));
}

/** `*`: of all rounds together. */
export const p999Text = ({ p999Us, p999OfAllUs }: { readonly p999Us: Spread | undefined; readonly p999OfAllUs: number | undefined }): string =>
  (p999Us !== undefined ? spreadText(p999Us) : p999OfAllUs === undefined ? '-' : `${numberText(p999OfAllUs)} *`);

export function startRows(summary: Summary): Row[] {
  return summary.modes.map((mode): Row => {
    const of = (how: 'warm' | 'cold') => summary.starts.find((start) => start.mode === mode && start.how === how);
    const [warm, cold] = [of('warm'), of('cold')];
    const memory = summary.memory.find((one) => one.mode === mode);
    return {
      mode, 'ready ms': warm === undefined ? missing(summary, mode, 'starts') : spreadText(warm.readyMs), 'ready ms, cold': cold === undefined ? '' : spreadText(cold.readyMs),
      processes: warm?.processes, 'PSS MiB, at rest': spreadText(warm?.pssMib), 'PSS MiB, after load': spreadText(memory?.pssMib),
    };
  });
}

export const VICTIM_NAMES: Readonly<Record<Victim, string>> = { block: 'state block', server: "state block's server", sidecar: 'sidecar' };

export function killRows(summary: Summary): Row[] {
  return summary.modes.flatMap((mode): Row[] => {
    const kills = summary.kills.filter((kill) => kill.mode === mode);
    return kills.length === 0 ? [{ mode, killed: missing(summary, mode, 'kills') }] : kills.map(killRow);
  });
}

const killRow = (kill: KillSummary): Row => ({
  mode: kill.mode, killed: VICTIM_NAMES[kill.victim], runs: kill.runs,
  'errors, others': `${kill.otherErrors}/${kill.otherCalls}`, 'gap ms, others': spreadText(kill.otherGapMs), 'calm gap ms': numberText(kill.calmGapMs.median),
  'p99 ms, others': spreadText(kill.otherP99Ms), 'calm p99 ms': numberText(kill.calmP99Ms.median),
  'errors, state get': kill.getErrors, 'errors, state set': kill.setErrors, 'of calls': kill.blockCalls, 'gap ms, state': spreadText(kill.blockGapMs),
  'recovery ms': `${spreadText(kill.recoveryMs)}${kill.neverRecovered === 0 ? '' : `, ${kill.neverRecovered} never`}`, 'messages lost': kill.messagesLost,
});

/** The whole text. @param head what it was measured on, and how */
export function textOf(summary: Summary, head: readonly string[]): string {
  const modes = summary.modes.map((mode) => `${mode}: ${MODE_NAMES[mode]}`).join('; ');
  const tables: string[] = [];
  const isFaulty = (part: FaultRecord['part']): boolean => summary.faults.some((fault) => fault.part === part);
  if (summary.cells.length > 0) {
    tables.push(
      tableText('Saturation: a closed loop. CPU us: processor time per call of kernel, blocks and block servers. app us: of the application that gets messages. x first: ratio to the first mode, round by round.', saturationRows(summary)),
      tableText('Fixed rate: an open loop, random arrivals, latency from when a call was due. * of all rounds together, where a round has less than 1,000 calls.', pacedRows(summary)),
    );
  }
  if (summary.starts.length > 0 || isFaulty('starts')) tables.push(tableText('From launch of the kernel to the first 204 of /v1.0/healthz; cold: block servers launched with it. PSS of all processes.', startRows(summary)));
  if (summary.kills.length > 0 || isFaulty('kills')) {
    tables.push(tableText('SIGKILL under 200 calls/s of each operation. Others: operations of other blocks. Gap: longest time without an answer. Recovery: from the kill to the first answer of a call made when the victim was gone.', killRows(summary)));
  }
  if (summary.faults.length > 0) tables.push(tableText('What could not be done', summary.faults.map(({ part, mode, what, reason }) => ({ mode, part, what, reason: reason.replaceAll(/\s+/g, ' ') }))));
  return `${[...head, `Modes: ${modes}. Shown: median (least-most) of the rounds.`].join('\n')}\n${tables.join('')}`;
}
