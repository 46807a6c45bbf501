import type { StoredPart } from "../db/ingest-calls.ts";
import type { Judgement } from "./pagination.ts";
import type { Position } from "./position.ts";
import type { PartRange } from "./range.ts";
import { RunMemory } from "./run-memory.ts";

/** Where a pass stands in one chain of pages: behind the newest page that it has taken, committed or not. */
export class Part {
  readonly part: string;
  #range!: PartRange;
  #position!: Position | null;
  #previous!: Position | null;
  #pages!: number;
  #memory!: RunMemory;
  /** When the position was named, by performance.now(). */
  #namedAt!: number;
  /** What was tried to replace a position that has expired. */
  #tried = new Set<"again" | "previous">();
  /** The position was named anew, by the page before it, and no page was asked for with it yet. */
  #isReplaced!: boolean;

  constructor(stored: StoredPart) {
    this.part = stored.part;
    this.begin(stored);
  }

  /** Begins where it is stored, also after its run was restarted. */
  begin({ since, until, begunUs, position, previous, positionAgeS, pages, emptyPages }: StoredPart): void {
    const bound = (text: string | null) => (text === null ? null : BigInt(text));
    this.#range = { since: bound(since), until: bound(until), begun: BigInt(begunUs) };
    this.#position = position as Position | null; // As a pass stored it.
    this.#previous = previous as Position | null;
    this.#pages = pages;
    this.#memory = new RunMemory(emptyPages);
    this.#namedAt = performance.now() - (positionAgeS ?? 0) * 1_000;
    this.#tried.clear();
    this.#isReplaced = false;
  }

  get range(): PartRange {
    return this.#range;
  }

  get memory(): RunMemory {
    return this.#memory;
  }

  /** How many pages of its run were taken. */
  get pages(): number {
    return this.#pages;
  }

  /** The position that is stored when all its pages are committed. */
  get position(): Position | null {
    return this.#position;
  }

  /** What the next request is made from: the position, or the one before it where that has expired. */
  get asked(): Position | null {
    return this.#tried.has("previous") ? this.#previous : this.#position;
  }

  /** Whether there must be a page: its run begins here, and not behind the records of the last one. */
  get isFirstPage(): boolean {
    const { asked } = this;
    return this.#pages === 0 && !(asked !== null && "offset" in asked && asked.offset > 0);
  }

  get positionAgeMs(): number {
    return performance.now() - this.#namedAt;
  }

  /** Whether the next request has something that the server named, which may expire. */
  get hasToken(): boolean {
    const { asked } = this;
    return asked !== null && ("token" in asked || "url" in asked);
  }

  /** The last page is asked for again. */
  repeats(): void {
    this.#memory = new RunMemory(this.#memory.emptyPages);
  }

  /** A page was taken that was asked for with `asked`. */
  take(judgement: Judgement, asked: Position | null, records: number): void {
    this.#pages++;
    this.#position = judgement.next;
    this.#namedAt = performance.now();
    this.#isReplaced = this.#tried.has("previous");
    this.#tried.clear();
    if (records > 0) this.#previous = asked;
  }

  /**
   * What to try now that the server does not know the position any more: once more, unless it is older than such a
   * position lives; the one before it, once, because a server may refuse whatever that page names; the run from its
   * beginning, which only a key makes the same rows.
   */
  replaceExpired(livesMs: number | null, hasKey: boolean): "again" | "previous" | "restart" | "nothing" {
    if (this.#isReplaced) return "restart";
    const isOld = livesMs !== null && this.positionAgeMs > livesMs;
    if (this.#tried.size === 0 && !isOld) {
      this.#tried.add("again");
      return "again";
    }
    if (!hasKey) return "nothing";
    if (this.#tried.has("previous") || this.#previous === null) return "restart";
    this.#tried.add("previous");
    this.repeats();
    return "previous";
  }
}
