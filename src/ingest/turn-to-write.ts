import type { Permits } from "../model/permits.ts";

type Admits = Pick<Permits, "take">;

/** Admits first to `own`, then to `shared`: whoever waits for its own turn keeps nobody else from what all share. */
export function turnToWrite(own: Admits, shared: Admits): Admits {
  return {
    async take(signal) {
      const turn = await own.take(signal);
      try {
        const permit = await shared.take(signal);
        return {
          [Symbol.dispose]: () => {
            permit[Symbol.dispose]();
            turn[Symbol.dispose]();
          },
        };
      } catch (error) {
        turn[Symbol.dispose]();
        throw error;
      }
    },
  };
}
