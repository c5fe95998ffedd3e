// Shows what a campaign found: the table as text, the goals, and everything as JSON.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { tableText, type Row } from '../../bench/table.ts';
import { medianRatio, type CampaignResult } from './campaign.ts';
import type { CrashesResult } from './crashes.ts';
import type { Figures } from './figures.ts';
import type { RecoveryResult } from './recovery.ts';
import type { ReloadsResult } from './reloads.ts';

export interface Findings {
  readonly campaign?: CampaignResult;
  readonly crashes?: CrashesResult;
  readonly recovery?: { readonly without: RecoveryResult; readonly withSpare: RecoveryResult };
  readonly reloads?: ReloadsResult;
}

/** What has to be zero, and isn't; in words. */
export function violations({ campaign, crashes, reloads, recovery }: Findings): string[] {
  const found: string[] = [];
  const zero = (what: string, count: number): void => void (count > 0 && found.push(`${what}: ${count}`));
  for (const { failure, block, otherErrors, safeErrors, outlastsHold, surprises } of campaign?.figures ?? []) {
    zero(`${failure} of ${block}: errors of other blocks`, otherErrors);
    if (!outlastsHold) zero(`${failure} of ${block}: failed safe calls`, safeErrors);
    for (const surprise of surprises) found.push(`${failure} of ${block}: ${surprise}`);
  }
  if (campaign !== undefined) {
    zero('acknowledged writes that are lost', campaign.losses.writes.length);
    zero('acknowledged messages that were not delivered', campaign.losses.messages.length);
    zero('fencing tokens that fell and ids that came twice', campaign.balance.broken.length);
  }
  if (reloads !== undefined) {
    zero('calls that failed while components were reloaded', reloads.failed);
    zero('reloads that were refused', reloads.refused.length);
    zero('acknowledged writes that were lost over reloads', reloads.writesLost);
    zero('acknowledged messages that were lost over reloads', reloads.messagesLost);
  }
  if (recovery !== undefined) {
    zero('safe calls that failed over SIGKILL', recovery.without.safeErrors);
    zero('safe calls that failed over SIGKILL, with a spare', recovery.withSpare.safeErrors);
  }
  for (const what of crashes?.grown ?? []) found.push(`grown over crashes: ${what}`);
  return found;
}

/** What the project wants to reach, beside what was measured. */
export function goals({ campaign, recovery, reloads, crashes }: Findings): Row[] {
  const rows: Row[] = [];
  const goal = (what: string, measured: string, isReached: boolean): void => void rows.push({ goal: what, measured, '': isReached ? 'reached' : 'MISSED' });
  if (campaign !== undefined) {
    const ratio = medianRatio(campaign.figures);
    const { writes, messages } = campaign.losses;
    const held = campaign.figures.filter(({ outlastsHold }) => !outlastsHold);
    const [others, safe] = [sum(campaign.figures, ({ otherErrors }) => otherErrors), sum(held, ({ safeErrors }) => safeErrors)];
    goal('errors of other blocks: 0', String(others), others === 0);
    goal('p99 of other blocks, after a failure to calm: at most 1.2 (median)', ratio.toFixed(2), ratio <= 1.2);
    goal('failed safe calls of the block itself, while it is back before calls are held no longer: 0', String(safe), safe === 0);
    goal('acknowledged writes lost: 0', String(writes.length), writes.length === 0);
    goal('acknowledged messages lost: 0', String(messages.length), messages.length === 0);
  }
  if (recovery !== undefined) {
    goal('answers after SIGKILL, without a spare: within 250 ms (median)', `${recovery.without.medianMs.toFixed(0)} ms`, recovery.without.medianMs <= 250);
    goal('answers after SIGKILL, with a spare: within 20 ms (median)', `${recovery.withSpare.medianMs.toFixed(1)} ms`, recovery.withSpare.medianMs <= 20);
  }
  if (reloads !== undefined) goal(`calls that failed over ${reloads.reloads} reloads: 0`, `${reloads.failed} of ${reloads.calls}`, reloads.failed === 0);
  if (crashes !== undefined) goal(`what the kernel holds does not grow over ${crashes.samples.at(-1)?.kills ?? 0} kills`, crashes.grown.length === 0 ? `heap ${crashes.heapSlopeKib.toFixed(1)} KiB a kill, everything else as before` : crashes.grown.join('; '), crashes.grown.length === 0);
  return rows;
}

/** All of it, as it stands on the terminal and in the text file. */
export function describeFindings(findings: Findings, notes: Row): string {
  const { campaign, crashes, recovery, reloads } = findings;
  const parts: string[] = [
    `Fault campaign, ${Object.entries(notes).map(([name, value]) => `${name} ${String(value)}`).join(', ')}\n${machine()}`,
  ];
  if (campaign !== undefined) {
    const { summary: s, balance, losses } = campaign;
    parts.push(tableText(
      `Each failure in each block, under ${s.callsPerSecond.toFixed(0)} calls/s (open loop; latencies count from the time a call was due). Others: calls of everything but that block, from the\n` +
      'failure until the block was well again; their p99 before and after, medians of the runs. Safe calls are repeated on the next life, unsafe ones fail when their life dies. Recovery: the\n' +
      'longest time without an answer of the block, counted from the failure; empty where no gap was longer than in calm. *: lasts longer than calls are held (--hold-ms), so calls of the block fail by design.',
      campaign.figures.map(rowOf)));
    parts.push(`${s.calls} calls in ${s.seconds.toFixed(0)} s; others in calm times: p50 ${s.calmP50Ms.toFixed(2)} ms, p99 ${s.calmP99Ms.toFixed(2)} ms; the load was late by ${s.latestStartMs.toFixed(0)} ms at worst; ` +
      `cores used in calm: sidecar ${s.sidecarCores.toFixed(2)}, load ${s.loadCores.toFixed(2)}; kernel: ${s.kernelRssMibBefore.toFixed(0)} MiB before, ${s.kernelRssMibAfter.toFixed(0)} MiB after (PSS).\n` +
      `Acknowledged: writes ${list(balance.writes)}; messages ${list(Object.fromEntries(Object.entries(balance.published).map(([name, numbers]) => [name, numbers.length])))}; ${balance.locks} locks, ${balance.ids} ids. ` +
      `Lost: ${losses.writes.length} writes, ${losses.messages.length} messages; delivered again: ${losses.twice.length}; tokens that fell or ids that came twice: ${balance.broken.length}.\n` +
      '(state-memory lives in the block and dies with it: its writes are not counted on.)');
    if (campaign.otherFailures.length > 0) parts.push(`What other blocks failed with:\n${campaign.otherFailures.slice(0, 20).map((text) => `  ${text}`).join('\n')}`);
    if (losses.writes.length + losses.messages.length > 0) parts.push(`What was lost:\n${[...losses.writes, ...losses.messages].slice(0, 20).map(({ what }) => `  ${what}`).join('\n')}`);
  }
  if (crashes !== undefined) {
    parts.push(tableText(`What the kernel holds over ${crashes.samples.at(-1)?.kills ?? 0} kills in a row, in ${crashes.compartments} compartments; over the last two thirds the heap grows by ${crashes.heapSlopeKib.toFixed(1)} KiB a kill (after collections), resident memory by ${crashes.residentSlopeKib.toFixed(1)} KiB.`,
      crashes.samples.filter((_, index) => index % 4 === 0 || index === crashes.samples.length - 1).map((sample) => ({ ...sample }))));
  }
  if (recovery !== undefined) {
    const line = (name: string, { reads, writes, medianMs, slowestMs }: RecoveryResult): Row => ({ '': name, kills: reads.length, 'median ms': medianMs, 'slowest ms': slowestMs, reads: round(reads), writes: round(writes) });
    parts.push(tableText('From SIGKILL of the state block to the first answer to a call made after its death (the later of a read and a write), under load.', [line('without a spare', recovery.without), line('with a spare', recovery.withSpare)]));
  }
  if (reloads !== undefined) {
    parts.push(`${reloads.reloads} reloads of components under load in ${reloads.seconds.toFixed(0)} s: ${reloads.failed} of ${reloads.calls} calls failed, ${reloads.refused.length} reloads were refused, p99 ${reloads.p99Ms.toFixed(1)} ms; ` +
      `lost: ${reloads.writesLost} writes, ${reloads.messagesLost} messages.${reloads.failures.length > 0 ? `\n${reloads.failures.slice(0, 10).map((text) => `  ${text}`).join('\n')}` : ''}`);
  }
  parts.push(tableText('Goals', goals(findings)));
  const broken = violations(findings);
  parts.push(broken.length === 0 ? 'Everything that has to be zero is zero.' : `NOT ZERO:\n${broken.map((text) => `  ${text}`).join('\n')}`);
  return `${parts.map((part) => part.trim()).join('\n\n')}\n`;
}

/** bench/results/<name>.json and .txt. */
export function writeFindings(name: string, text: string, findings: Findings, notes: Row): void {
  const folder = join(import.meta.dirname, '..', '..', 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const { campaign, ...others } = findings;
  const small = campaign === undefined ? {} : { campaign: { ...campaign, balance: { ...campaign.balance, published: Object.fromEntries(Object.entries(campaign.balance.published).map(([broker, numbers]) => [broker, numbers.length])) }, losses: { ...campaign.losses, twice: campaign.losses.twice.length } } };
  const raw = { at: new Date().toISOString(), machine: { node: process.version, platform: `${process.platform} ${process.arch}`, cpu: cpus()[0]?.model.trim() ?? 'unknown', cpus: cpus().length }, notes, goals: goals(findings), notZero: violations(findings), ...small, ...others };
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(raw, (_, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value), 1)}\n`);
  writeFileSync(join(folder, `${name}.txt`), text);
}

function rowOf(figures: Figures): Row {
  return {
    failure: figures.what, block: figures.block, runs: figures.runs,
    'errors, others': figures.otherErrors, 'calm p99 ms': figures.calmP99Ms, 'p99 ms': figures.p99Ms, ratio: figures.ratio,
    'safe failed': `${figures.safeErrors}/${figures.safeCalls}${figures.outlastsHold ? '*' : ''}`, 'unsafe failed': `${figures.unsafeErrors}/${figures.unsafeCalls}`,
    'recovery ms': figures.recoveryMs === undefined ? undefined : Math.round(figures.recoveryMs), worst: figures.slowestRecoveryMs === undefined ? undefined : Math.round(figures.slowestRecoveryMs),
    'writes lost': figures.writesLost, 'messages lost': figures.messagesLost, twice: figures.messagesTwice,
    'how it ended': figures.surprises.length > 0 ? `! ${figures.surprises[0]}`.slice(0, 60) : figures.exit.split('\n', 1)[0]?.slice(0, 60),
  };
}

function machine(): string {
  return `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}, ${new Date().toISOString()}`;
}

const sum = <Item>(items: readonly Item[], of: (item: Item) => number): number => items.reduce((total, item) => total + of(item), 0);
const list = (counts: Readonly<Record<string, number>>): string => Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ');
const round = (values: readonly number[]): string => values.map((value) => Math.round(value)).join(' ');
