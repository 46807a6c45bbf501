/** Reads a file; null if it is not there. */
export type ReadContent = () => Promise<string | null>;

export interface Watch {
  readonly read: ReadContent;
  /** What is in use already. */
  readonly content: string;
  /** Called with each content that stays the same for a moment, one at a time. */
  readonly onChange: (content: string | null) => Promise<void>;
  /** Rejects when the watch shall end. */
  readonly pause: (ms: number) => Promise<void>;
}

const POLL_MS = 2_000;
const SETTLE_MS = 500;

/**
 * Looks at the content of a file until the pause rejects: whoever writes it, writes to it, renames another file onto
 * it, or removes it and makes it again, is noticed alike. A content that changes while it settles is only half written.
 */
export async function watchContent({ read, content, onChange, pause }: Watch): Promise<never> {
  let used: string | null = content;
  for (;;) {
    await pause(POLL_MS);
    let seen = await read();
    if (seen === used) continue;
    for (let before: string | null | undefined; seen !== before; ) {
      before = seen;
      await pause(SETTLE_MS);
      seen = await read();
    }
    if (seen !== used) {
      used = seen;
      await onChange(seen);
    }
  }
}
