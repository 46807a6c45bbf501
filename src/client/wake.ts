/** What a browser has, a page more of it than a worker, and Node nothing. */
interface Source {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

interface Page extends Source {
  readonly document?: Source & { readonly visibilityState: string };
}

/** Calls when the page may be stopped or thrown away: what is not stored by then may never be. Returns what ends that. */
export function onRest(rest: () => void): () => void {
  const page = globalThis as Page;
  page.addEventListener?.("pagehide", rest);
  page.document?.addEventListener?.("freeze", rest);
  return () => {
    page.removeEventListener?.("pagehide", rest);
    page.document?.removeEventListener?.("freeze", rest);
  };
}

/** Calls when the device is online again, and when the page becomes visible. Returns what ends that. */
export function onWake(wake: () => void): () => void {
  const page = globalThis as Page;
  const { document } = page;
  const seen = () => document?.visibilityState === "visible" && wake();
  page.addEventListener?.("online", wake);
  document?.addEventListener?.("visibilitychange", seen);
  return () => {
    page.removeEventListener?.("online", wake);
    document?.removeEventListener?.("visibilitychange", seen);
  };
}
