export interface AdminAnswer {
  readonly status: number;
  /** Sent as JSON; null for an empty body. */
  readonly body: unknown;
}

export const NOT_FOUND: AdminAnswer = { status: 404, body: null };
export const NOT_ALLOWED: AdminAnswer = { status: 405, body: null };

export function ok(body: unknown): AdminAnswer {
  return { status: 200, body };
}

/** An error as servers report one that they handle. */
export function failure(status: number, code: string, message: string): AdminAnswer {
  return { status, body: { error_code: code, error_message: message } };
}
