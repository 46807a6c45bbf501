import { SharedWait } from "./shared-wait.ts";

/** Questions that many ask at once: each is asked once at a time, for all who asked it before. */
export class SharedAnswers<T> {
  readonly #questions = new Map<string, { readonly wait: SharedWait<T>; askers: number }>();

  /** Resolves to an answer to that question that began after this call. Whoever asks it must mean the same. */
  async ask(question: string, work: () => Promise<T>): Promise<T> {
    const asked = this.#questions.get(question) ?? { wait: new SharedWait(work), askers: 0 };
    this.#questions.set(question, asked);
    asked.askers += 1;
    try {
      return await asked.wait.ask();
    } finally {
      asked.askers -= 1;
      if (asked.askers === 0) this.#questions.delete(question);
    }
  }
}
