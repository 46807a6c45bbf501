/** A step that is done once, whoever asks for it again. */
export function once<T>(step: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | null = null;
  return () => {
    done ??= step();
    return done;
  };
}
