import type pg from "pg";

export const ANSWER_MS = 30_000;

/** What one function answers. */
export async function oneAnswer<T>(
  on: pg.Pool | pg.ClientBase,
  call: string,
  values: readonly unknown[],
  answerMs = ANSWER_MS,
): Promise<T> {
  const query = { text: `select ${call} as answer`, values: [...values], query_timeout: answerMs };
  const { rows } = await (on as pg.Pool).query<{ answer: T }>(query);
  return rows[0]!.answer;
}
