import type { EventRow, Reads } from "../db/reads.ts";
import { streamLines } from "./status.ts";

const REDRAW_MS = 500;
/** Without a terminal each picture is printed below the last one, so less often. */
const REPRINT_MS = 2_000;

/** What is to be seen at a moment. */
export interface Picture {
  /** Lines that stay, above the table. */
  readonly news: readonly string[];
  readonly table: string;
}

/** Shows a picture as it changes; on a terminal always in the same place. */
export class DemoScreen {
  readonly #look: () => Promise<Picture>;
  readonly #print: (text: string) => void;
  readonly #isTerminal: boolean;
  #linesDrawn = 0;
  #timer: NodeJS.Timeout | null = null;
  #drawing: Promise<void> = Promise.resolve();

  constructor(look: () => Promise<Picture>, print: (text: string) => void, isTerminal: boolean) {
    this.#look = look;
    this.#print = print;
    this.#isTerminal = isTerminal;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#draw(), this.#isTerminal ? REDRAW_MS : REPRINT_MS);
    this.#draw();
  }

  /** Draws once more and leaves the picture where it is. */
  async stop(): Promise<void> {
    if (this.#timer === null) {
      return;
    }
    clearInterval(this.#timer);
    this.#timer = null;
    this.#draw();
    await this.#drawing;
    this.#linesDrawn = 0;
  }

  #draw(): void {
    // A query that fails does not matter: the next one follows soon.
    this.#drawing = this.#drawing.then(() => this.#show()).catch(() => {});
  }

  async #show(): Promise<void> {
    const { news, table } = await this.#look();
    const up = this.#linesDrawn > 0 && this.#isTerminal ? `\x1b[${this.#linesDrawn}A\x1b[J` : "";
    this.#print(up + [...news, table, ""].join("\n"));
    this.#linesDrawn = table.split("\n").length + 1;
  }
}

/** ampsync.streams, and reorgs as they come. */
export function chainPicture(reads: Reads): () => Promise<Picture> {
  let lastEvent = 0n;
  return async () => {
    const [streams, events] = [await reads.streams(), await reads.eventsAfter(lastEvent)];
    lastEvent = events.at(-1)?.event_id ?? lastEvent;
    const table = streams.length === 0 ? "waiting for the first stream …" : streamLines(streams).join("\n");
    return { news: events.flatMap(reorgLine), table };
  };
}

function reorgLine(event: EventRow): string[] {
  if (event.event !== "reorg") {
    return [];
  }
  const { depth, from_block, rows_deleted } = event.details;
  return [
    `reorg: ${event.table_name}: ${depth} blocks from ${from_block} replaced, ${rows_deleted} old rows removed in the same commit`,
  ];
}
