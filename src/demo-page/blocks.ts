import { byId, make, Rows, say, show } from "./dom.ts";
import type { Live } from "./live.ts";
import { countOf, hashOf } from "./texts.ts";

const SHOWN_BLOCKS = 12;
const SHOWN_LOGS = 8;

interface Block {
  readonly number: string;
  readonly hash: string;
  readonly logs: number;
  /** The hash that this one replaced. */
  readonly was?: string;
}

interface Log {
  readonly block: string;
  readonly hash: string;
  readonly index: number;
  readonly topic: string | null;
  readonly contract: string;
  readonly bytes: number;
}

interface Check {
  readonly blocks: number;
  readonly two_hashes: number;
  readonly holes: number;
  readonly unlinked: number;
}

/** The events of the contract that the demo calls, by the first bytes of their first topic. */
const EVENTS: Readonly<Record<string, string>> = {
  "761f5e61": "NoTopic",
  a2850600: "OneTopic",
  e6613c21: "TwoTopics",
  "1102801d": "ThreeTopics",
  ddf252ad: "Transfer",
};

/** The newest blocks and their logs; what a reorg replaced; and whether a mixed state was ever seen. */
export async function showBlocks(live: Live, schema: string): Promise<void> {
  const rows = new Rows<Block>("block-rows", ({ number, hash }) => `${number} ${hash} `, blockRow);
  /** Replaced hashes, as long as their heights are shown. */
  let replaced = new Map<string, string>();
  let before = new Map<string, string>();
  let reorgs = 0;
  await live<Block>(
    `select b._block_num::text as number, encode(b.hash, 'hex') as hash,
            (select count(*) from ${schema}.logs l where l.block_hash = b.hash)::integer as logs
       from ${schema}.blocks b
      order by b._block_num desc
      limit ${SHOWN_BLOCKS}`,
    (blocks) => {
      const now = new Map(blocks.map(({ number, hash }) => [number, hash]));
      const changed = [...now].filter(([number, hash]) => (before.get(number) ?? hash) !== hash);
      for (const [number] of changed) replaced.set(number, before.get(number) ?? "");
      if (changed.length > 0) {
        reorgs += 1;
        tellReorg(reorgs, changed.map(([number]) => number).reverse());
      }
      replaced = new Map([...replaced].filter(([number]) => now.has(number)));
      before = now;
      rows.set(
        blocks.map((block) => {
          const was = replaced.get(block.number);
          return was === undefined ? block : { ...block, was };
        }),
      );
      for (const { number, logs } of blocks) show(`logs-of-${number}`, countOf(logs));
    },
  );
  await showLogs(live, schema);
  await showChecks(live, schema);
}

function blockRow({ number, hash, logs, was }: Block, isFirst: boolean): HTMLElement {
  const count = make("td", { class: "number" }, countOf(logs));
  count.id = `logs-of-${number}`;
  const state = isFirst ? "" : was === undefined ? "new" : "replaced";
  return make(
    "tr",
    { class: state },
    make("td", { class: "number" }, number),
    make("td", {}, hashText("code", hash)),
    make("td", {}, ...(was === undefined ? [] : [hashText("del", was)])),
    count,
  );
}

function hashText(tag: "code" | "del", hex: string): HTMLElement {
  const [long, short] = hashOf(hex);
  return make(
    tag,
    { title: `0x${hex}` },
    make("span", { class: "long" }, long),
    make("span", { class: "short" }, short),
  );
}

function tellReorg(nth: number, numbers: readonly string[]): void {
  const what = `Reorg ${nth}: ${numbers.length} ${numbers.length === 1 ? "block" : "blocks"}, ${numbers.at(0)} to ${numbers.at(-1)}, replaced in one step.`;
  show("reorg-note", what);
  byId("reorg-note").dataset["blocks"] = numbers.join(" ");
  say(what);
}

async function showLogs(live: Live, schema: string): Promise<void> {
  const rows = new Rows<Log>("log-rows", ({ hash, index }) => `${hash} ${index}`, logRow);
  await live<Log>(
    `select _block_num::text as block, encode(block_hash, 'hex') as hash, log_index::integer as index,
            encode(topic0, 'hex') as topic, encode(address, 'hex') as contract, octet_length(data) as bytes
       from ${schema}.logs
      order by _block_num desc, log_index desc
      limit ${SHOWN_LOGS}`,
    (logs) => rows.set(logs),
  );
  await live<{ cut: string | null }>(
    `select (select ampsync.cut('anvil'))::text as cut, max(_block_num) from ${schema}.blocks, (select count(*) from ${schema}.logs) l`,
    ([row]) => {
      const cut = row?.cut ?? null;
      show("cut", cut === null ? "" : `Blocks and logs agree up to block ${cut}, says ampsync.cut('anvil').`);
    },
  );
}

function logRow({ block, index, topic, contract, bytes }: Log, isFirst: boolean): HTMLElement {
  const event = topic === null ? "anonymous" : (EVENTS[topic.slice(0, 8)] ?? hashText("code", topic));
  return make(
    "tr",
    { class: isFirst ? "" : "new" },
    make("td", { class: "number" }, block),
    make("td", { class: "number" }, String(index)),
    make("td", {}, event),
    make("td", { class: "wide" }, hashText("code", contract)),
    make("td", { class: "number" }, countOf(bytes)),
  );
}

async function showChecks(live: Live, schema: string): Promise<void> {
  const sql = `select count(*)::integer as blocks,
       (count(*) filter (where number = before))::integer as two_hashes,
       (count(*) filter (where number > before + 1))::integer as holes,
       (count(*) filter (where number = before + 1 and parent <> hash_before))::integer as unlinked
  from (select _block_num as number, parent_hash as parent,
               lag(_block_num) over chain as before, lag(hash) over chain as hash_before
          from ${schema}.blocks
        window chain as (order by _block_num)) b`;
  show("check-sql", sql);
  let states = 0;
  let mixed = 0;
  await live<Check>(sql, ([check]) => {
    if (check === undefined) return;
    const { blocks, two_hashes, holes, unlinked } = check;
    states += 1;
    if (two_hashes + holes + unlinked > 0) mixed += 1;
    show("states", countOf(states));
    show("mixed", countOf(mixed));
    show("two-hashes", countOf(two_hashes));
    show("holes", countOf(holes));
    show("unlinked", countOf(unlinked));
    show("checked", `all ${countOf(blocks)}`);
  });
}
