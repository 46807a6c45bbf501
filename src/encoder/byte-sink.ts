/** Where encoded rows go. */
export interface ByteSink {
  /**
   * `size` fresh bytes starting at `at`, all below offset 2^31. The encoder fills
   * every one of them before it reserves more.
   */
  reserve(size: number): { readonly bytes: Uint8Array; readonly at: number };
}
