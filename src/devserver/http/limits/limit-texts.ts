/** Bodies with which servers refuse a request above a limit without saying 429. */
export const LIMIT_TEXTS = {
  github: {
    message:
      "API rate limit exceeded for user ID 1. If you reach out for help, please include the request ID.",
    documentation_url: "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api",
    status: "403",
  },
  "github secondary": {
    message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
    documentation_url:
      "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits",
    status: "403",
  },
  google: {
    error: {
      code: 403,
      message: "User Rate Limit Exceeded",
      errors: [
        { domain: "usageLimits", reason: "userRateLimitExceeded", message: "User Rate Limit Exceeded" },
      ],
    },
  },
  salesforce: [{ message: "TotalRequests Limit exceeded.", errorCode: "REQUEST_LIMIT_EXCEEDED" }],
  facebook: {
    error: {
      message: "(#4) Application request limit reached",
      type: "OAuthException",
      code: 4,
      fbtrace_id: "A1",
    },
  },
} as const;

export type LimitText = keyof typeof LIMIT_TEXTS;
