/**
 * One thing at a time: frames, writes and the making of live queries take turns, so that none sees half of another. A turn
 * that throws is its caller's; the next one comes all the same.
 */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(step);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
