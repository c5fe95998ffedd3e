// Who reads which partition of a topic. The client's own assignor gives all topics to all members, also to members that
// never asked for them; but each subscription is a member of its own here, with one topic. These give a topic to the members
// that subscribe to it, and have the names and formats of the Java client's, so that all kinds of members may share a group.
import type { KafkaStrategy } from './settings.ts';

export interface GroupMember {
  readonly id: string;
  readonly topics: readonly string[];
  /** What it read before, by topic: for `sticky`. */
  readonly owned: ReadonlyMap<string, readonly number[]>;
}

/** By member, by topic. Every member has an entry, every partition of a topic with subscribers exactly one reader. */
export type Assignment = Map<string, Map<string, number[]>>;

/** @param partitions of each topic that anybody subscribes to, in order */
export function assign(strategy: KafkaStrategy, members: readonly GroupMember[], partitions: ReadonlyMap<string, readonly number[]>): Assignment {
  const sorted = [...members].sort((a, b) => (a.id < b.id ? -1 : 1));
  const assignment: Assignment = new Map(sorted.map(({ id }) => [id, new Map<string, number[]>()]));
  const give = (id: string, topic: string, partition: number) => {
    const topics = assignment.get(id);
    const own = topics?.get(topic);
    if (own === undefined) topics?.set(topic, [partition]);
    else own.push(partition);
  };
  if (strategy === 'range') range(sorted, partitions, give);
  else if (strategy === 'roundrobin') roundRobin(sorted, partitions, give);
  else sticky(sorted, partitions, give);
  return assignment;
}

type Give = (id: string, topic: string, partition: number) => void;

/** Each topic in runs of neighbours; the first members get one more. */
function range(members: readonly GroupMember[], partitions: ReadonlyMap<string, readonly number[]>, give: Give): void {
  for (const [topic, all] of partitions) {
    const takers = subscribers(members, topic);
    takers.forEach(({ id }, index) => {
      const from = Math.floor(all.length / takers.length) * index + Math.min(index, all.length % takers.length);
      const count = Math.floor(all.length / takers.length) + (index < all.length % takers.length ? 1 : 0);
      for (const partition of all.slice(from, from + count)) give(id, topic, partition);
    });
  }
}

/** All partitions dealt out in turn; who doesn't subscribe to a topic is passed over. */
function roundRobin(members: readonly GroupMember[], partitions: ReadonlyMap<string, readonly number[]>, give: Give): void {
  let turn = 0;
  for (const [topic, all] of partitions) {
    if (subscribers(members, topic).length === 0) continue;
    for (const partition of all) {
      let taker = members[turn++ % members.length];
      while (taker !== undefined && !taker.topics.includes(topic)) taker = members[turn++ % members.length];
      if (taker !== undefined) give(taker.id, topic, partition);
    }
  }
}

/** Everybody keeps what they had, as far as nobody then has two partitions more than another who could take one. */
function sticky(members: readonly GroupMember[], partitions: ReadonlyMap<string, readonly number[]>, give: Give): void {
  const load = new Map<string, number>(members.map(({ id }) => [id, 0]));
  const loadOf = ({ id }: GroupMember) => load.get(id) ?? 0;
  const least = (takers: readonly GroupMember[]) => takers.reduce((best, member) => (loadOf(member) < loadOf(best) ? member : best));
  const placed: { readonly topic: string; readonly partition: number; readonly takers: readonly GroupMember[]; reader: GroupMember }[] = [];
  const free: { readonly topic: string; readonly partition: number; readonly takers: readonly GroupMember[] }[] = [];
  for (const [topic, all] of partitions) {
    const takers = subscribers(members, topic);
    if (takers.length === 0) continue;
    for (const partition of all) {
      const owner = takers.find(({ owned }) => owned.get(topic)?.includes(partition) === true);
      if (owner === undefined) {
        free.push({ topic, partition, takers });
        continue;
      }
      placed.push({ topic, partition, takers, reader: owner });
      load.set(owner.id, loadOf(owner) + 1);
    }
  }
  for (const item of free) {
    const reader = least(item.takers);
    placed.push({ ...item, reader });
    load.set(reader.id, loadOf(reader) + 1);
  }
  for (let moved = true; moved;) { // each move makes loads more equal, so it ends
    moved = false;
    for (const item of placed) {
      const target = least(item.takers);
      if (loadOf(item.reader) < loadOf(target) + 2) continue;
      load.set(item.reader.id, loadOf(item.reader) - 1);
      load.set(target.id, loadOf(target) + 1);
      item.reader = target;
      moved = true;
    }
  }
  for (const { topic, partition, reader } of placed) give(reader.id, topic, partition);
}

function subscribers(members: readonly GroupMember[], topic: string): readonly GroupMember[] {
  return members.filter(({ topics }) => topics.includes(topic));
}
