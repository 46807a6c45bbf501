import { decodeBody } from "../../../src/http/body-text.ts";
import { readRateHeaders } from "../../../src/http/rate-headers.ts";
import { splitRecords } from "../../../src/http/split-records.ts";
import { meaningOf } from "../../../src/ingest/http-limits.ts";
import { requestFor } from "../../../src/ingest/page-request.ts";
import { judge } from "../../../src/ingest/pagination.ts";
import type { Position } from "../../../src/ingest/position.ts";
import { RunMemory } from "../../../src/ingest/run-memory.ts";
import { type RandomApi, randomApi } from "./random-api.ts";

/** More requests than a walk takes that ends as it should. */
const MAX_STEPS = 200;
/** More empty pages in a row than an API has that is not empty for ever … */
const MANY_EMPTY = 20;
/** … which are then taken for those of a thousand passes, so that it is found out soon. */
const TAKEN_FOR = 9_990;
/** What an API with a fault may end with. */
const REFUSALS = ["SY301", "SY303", "SY307", "SY004", "SY104"];

interface Walk {
  /** `complete`, an error's code, or that there was no end. */
  readonly end: string;
  readonly served: ReadonlySet<number>;
}

export interface Walks {
  /** How often each end was met. */
  readonly ends: Readonly<Record<string, number>>;
  /** What should not have ended so, with the seed that shows it. */
  readonly wrong: readonly string[];
}

/** Walks through an API of each seed: all must end, as complete only if all was served, and always where nothing is wrong. */
export function walkRandomApis(seeds: readonly number[]): Walks {
  const wrong: string[] = [];
  const ends = Object.fromEntries(["complete", ...REFUSALS].map((end) => [end, 0]));
  for (const seed of seeds) {
    const api = randomApi(seed);
    const { end, served } = walkThrough(api);
    const isRight =
      end === "complete" ? served.size === api.records : REFUSALS.includes(end) && !api.isHealthy;
    if (!isRight) wrong.push(`${end} with ${served.size} served: ${api.story}`);
    ends[end] = (ends[end] ?? 0) + 1;
  }
  return { ends, wrong };
}

/** Reads an API as a pass does, but for errors: the first one is the end. */
function walkThrough({ source, answer }: RandomApi): Walk {
  const served = new Set<number>();
  const clean = (text: string) => text;
  let memory = new RunMemory(0);
  let position: Position | null = null;
  for (let step = 0; step < MAX_STEPS; step++) {
    const { url } = requestFor(source, position, { since: null, until: null });
    const { status, headers, body: text } = answer(url);
    const raw = { status, headers, body: Buffer.from(text) };
    const asked = { hasToken: position !== null, isFirstPage: step === 0 };
    const meaning = meaningOf(source, raw, readRateHeaders(headers, 0), asked, clean);
    if (meaning.kind === "end") return { end: "complete", served };
    if (meaning.kind !== "page" && meaning.kind !== "empty") {
      return { end: "error" in meaning ? meaning.error.code : meaning.kind, served };
    }
    try {
      const body = decodeBody(raw.body, "application/json");
      const page = meaning.kind === "empty" ? null : splitRecords(body, source.records);
      const judgement = judge(source, memory, { position, url }, { headers, body, page, clean });
      for (let i = 0; i < (page?.records?.count ?? 0); i++) {
        const { starts, ends } = page!.records!;
        served.add(JSON.parse(body.toString("utf8", starts[i], ends[i])).id);
      }
      if (judgement.kind === "end") return { end: "complete", served };
      if (memory.emptyPages === MANY_EMPTY) memory = new RunMemory(TAKEN_FOR);
      position = JSON.parse(JSON.stringify(judgement.next)); // As it is stored.
    } catch (error) {
      return { end: (error as { code: string }).code, served }; // Whatever it is, it is told.
    }
  }
  return { end: "no end", served };
}
