import { stopClock } from "../postgres/clock.ts";
import type { TestDatabase } from "../postgres/postgres.ts";

/** When tests of rate limits begin; all their times are seconds from there on. */
const BEGINNING_MS = Date.parse("2026-01-05T12:00:00Z");

export interface Told {
  readonly window?: number;
  readonly limit?: number;
  readonly remaining?: number;
  readonly reset?: number;
}

/** What became of a permit. */
export interface Answer {
  /** When its permit was granted. */
  readonly granted: number;
  readonly age?: number;
  readonly unused?: boolean;
  readonly status?: number;
  readonly limited?: boolean;
  readonly retry_after?: number;
  readonly told?: readonly Told[];
}

/** A row of the bucket, with times in seconds; null for times that never were. */
export interface Row {
  readonly per_s: number;
  readonly requests: number | null;
  readonly declared: number | null;
  readonly next_at: number | null;
  readonly remaining: number | null;
  readonly resets_at: number | null;
  readonly is_told: boolean;
  readonly in_flight: number;
  readonly window_at: number | null;
  readonly cleared_at: number | null;
  readonly straggling: number;
  readonly straggling_from: number | null;
  readonly blocked_until: number | null;
  readonly refusals: number;
  readonly sent: number;
  readonly refused: number;
}

const TIMES = [
  "next_at",
  "resets_at",
  "window_at",
  "cleared_at",
  "straggling_from",
  "blocked_until",
] as const;
const OTHERS = [
  ...([
    "per_s",
    "requests",
    "declared",
    "remaining",
    "is_told",
    "in_flight",
    "straggling",
    "refusals",
  ] as const),
];

/** A bucket of permits under a clock that stands still but for `at`. */
export class TestBucket {
  readonly name: string;
  readonly #db: Pick<TestDatabase, "query">;

  private constructor(db: Pick<TestDatabase, "query">, name: string) {
    this.#db = db;
    this.name = name;
  }

  /** Windows are those that a definition declares. */
  static async open(
    db: Pick<TestDatabase, "query">,
    windows: readonly { readonly requests: number; readonly per_s: number }[] | null = null,
    name = "api.example.com",
  ): Promise<TestBucket> {
    const bucket = new TestBucket(db, name);
    await bucket.at(0);
    await bucket.declare(windows);
    return bucket;
  }

  async declare(
    windows: readonly { readonly requests: number; readonly per_s: number }[] | null,
  ): Promise<void> {
    await this.#db.query("select ampsync_private.declare_limits($1, $2)", [
      this.name,
      windows === null ? null : JSON.stringify(windows),
    ]);
  }

  /** Sets the clock. */
  async at(seconds: number): Promise<void> {
    await stopClock(this.#db, timeAt(seconds));
  }

  /** How many permits are granted; where none is, after how many milliseconds to ask again. */
  async take(want: number, ...seen: readonly Answer[]): Promise<{ granted: number; wait_ms: number }> {
    const answers = seen.map(({ granted, ...rest }) => ({ granted_at: timeAt(granted), ...rest }));
    const { rows } = await this.#db.query<{ granted: number; wait_ms: number }>(
      "select granted, wait_ms from ampsync_worker.take_permits($1, $2, $3)",
      [this.name, want, JSON.stringify(answers)],
    );
    return rows[0]!;
  }

  /** How many of so many permits are granted. */
  async granted(want: number, ...seen: readonly Answer[]): Promise<number> {
    return (await this.take(want, ...seen)).granted;
  }

  /** The same for one of several sources, known by its number. */
  async takeFor(source: number, want: number): Promise<{ granted: number; wait_ms: number }> {
    const { rows } = await this.#db.query<{ granted: number; wait_ms: number }>(
      "select granted, wait_ms from ampsync_worker.take_permits($1, $2, '[]', $3)",
      [this.name, want, source],
    );
    return rows[0]!;
  }

  async report(...seen: readonly Answer[]): Promise<void> {
    await this.take(0, ...seen);
  }

  async rows(): Promise<Row[]> {
    const { rows } = await this.#db.query<Record<string, unknown>>(
      `select ${OTHERS.join()}, sent::integer, refused::integer,
              ${TIMES.map((name) => `case when isfinite(${name}) then extract(epoch from ${name} - $2)::float8 end as ${name}`).join()}
         from ampsync_private.rate_limit where bucket = $1 order by per_s`,
      [this.name, timeAt(0)],
    );
    return rows as unknown as Row[];
  }

  /** The row of a window; of the only one by default. */
  async row(per_s?: number): Promise<Row> {
    const rows = await this.rows();
    const found = per_s === undefined && rows.length === 1 ? rows : rows.filter((row) => row.per_s === per_s);
    if (found.length !== 1) throw new Error(`bucket has the windows ${rows.map((row) => row.per_s)}`);
    return found[0]!;
  }

  /** Puts a row into a state. */
  async put(state: Partial<Row>, per_s?: number): Promise<void> {
    const isTime = (name: string) => (TIMES as readonly string[]).includes(name);
    const entries = Object.entries(state);
    await this.#db.query(
      `update ampsync_private.rate_limit set ${entries.map(([name], n) => `${name} = $${n + 3}`).join()}
        where bucket = $1 and ($2::integer is null or per_s = $2)`,
      [
        this.name,
        per_s ?? null,
        ...entries.map(([name, value]) =>
          isTime(name) && typeof value === "number" ? timeAt(value) : value,
        ),
      ],
    );
  }
}

/** As PostgreSQL reads it, to the microsecond. */
function timeAt(seconds: number): string {
  const micros = Math.round(seconds * 1e6);
  const whole = Math.floor(micros / 1e6);
  const iso = new Date(BEGINNING_MS + whole * 1000).toISOString().slice(0, 19);
  return `${iso}.${String(micros - whole * 1e6).padStart(6, "0")}Z`;
}
