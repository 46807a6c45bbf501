import type { EventRow, Reads } from "../db/reads.ts";
import { streamLines } from "./status.ts";

const REDRAW_MS = 500;
/** Without a terminal each picture is printed below the last one, so less often. */
const REPRINT_MS = 2_000;

/** Shows ampsync.streams as it changes; on a terminal always in the same place. */
export class DemoScreen {
  readonly #reads: Reads;
  readonly #print: (text: string) => void;
  readonly #isTerminal: boolean;
  #linesDrawn = 0;
  #lastEvent = 0n;
  #timer: NodeJS.Timeout | null = null;
  #drawing: Promise<void> = Promise.resolve();

  constructor(reads: Reads, print: (text: string) => void, isTerminal: boolean) {
    this.#reads = reads;
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
    this.#drawing = this.#drawing.then(() => this.#look()).catch(() => {});
  }

  async #look(): Promise<void> {
    const [streams, events] = [await this.#reads.streams(), await this.#reads.eventsAfter(this.#lastEvent)];
    this.#lastEvent = events.at(-1)?.event_id ?? this.#lastEvent;
    const news = events.flatMap(reorgLine);
    const table = streams.length === 0 ? "waiting for the first stream …" : streamLines(streams).join("\n");
    const up = this.#linesDrawn > 0 && this.#isTerminal ? `\x1b[${this.#linesDrawn}A\x1b[J` : "";
    this.#print(up + [...news, table, ""].join("\n"));
    this.#linesDrawn = table.split("\n").length + 1;
  }
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
