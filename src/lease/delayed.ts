/** Aborts so many milliseconds after the other one. */
export function delayed(signal: AbortSignal, ms: number): { readonly signal: AbortSignal } & Disposable {
  const later = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const begin = () => {
    timer = setTimeout(
      () => later.abort(new Error("the worker stops, and the database does not answer")),
      ms,
    );
  };
  signal.addEventListener("abort", begin, { once: true });
  if (signal.aborted) begin();
  return {
    signal: later.signal,
    [Symbol.dispose]: () => {
      signal.removeEventListener("abort", begin);
      clearTimeout(timer);
    },
  };
}
