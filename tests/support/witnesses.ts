/** Tells, in lines, how things stand; for people who read why a test waited in vain. */
export type Witness = () => Promise<readonly string[]>;

const LONGEST_TESTIMONY_MS = 5_000;
const MOST_LINES = 60;
const LONGEST_LINE = 600;

/** What tests have open, such as databases and workers. */
const witnesses = new Map<unknown, Witness>();

export function addWitness(of: unknown, witness: Witness): void {
  witnesses.set(of, witness);
}

export function removeWitness(of: unknown): void {
  witnesses.delete(of);
}

/** What all of them say now. Never fails, and takes no longer than a few seconds. */
export async function testimony(): Promise<readonly string[]> {
  const all = await Promise.all([...witnesses.values()].map(heard));
  return all.flat();
}

async function heard(witness: Witness): Promise<readonly string[]> {
  const { promise: late, resolve } = Promise.withResolvers<readonly string[]>();
  const timer = setTimeout(() => resolve(["no answer in time"]), LONGEST_TESTIMONY_MS);
  try {
    const lines = await Promise.race([witness(), late]);
    const more = lines.length - MOST_LINES;
    const shown = lines.slice(0, MOST_LINES).map((line) => line.slice(0, LONGEST_LINE));
    return more > 0 ? [...shown, `… ${more} more`] : shown;
  } catch (error) {
    return [String(error)];
  } finally {
    clearTimeout(timer);
  }
}
