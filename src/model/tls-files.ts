/** Who is trusted, and who we are, as the texts of PEM files. */
export interface TlsFiles {
  /** Certificates of authorities, instead of those that the process trusts anyway; null: those. */
  readonly ca: string | null;
  /** A client certificate, with the chain that leads to its authority, and its key. */
  readonly identity: { readonly cert: string; readonly key: string } | null;
}
