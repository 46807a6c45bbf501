import { createRemoteJWKSet, errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from "jose";

import { AmpsyncError } from "../errors.ts";
import type { Log } from "../log.ts";
import { KeptSecret } from "./kept-secret.ts";

/** Whom a token names, and what it says of him. */
export interface Token {
  readonly sub: string;
  /** Seconds since 1970. */
  readonly iat: number;
  /** Null: never. */
  readonly exp: number | null;
  readonly tenant: string | null;
  readonly claims: JWTPayload;
}

export interface AuthSettings {
  /** `none`: whoever comes is believed. For demos. */
  readonly mode: "none" | "secret" | "jwks";
  readonly secret: () => string | null;
  readonly jwksUrl: URL | null;
  readonly issuer: string | null;
  readonly audience: string | null;
  readonly tenantClaim: string;
}

/** Both clocks may be this far off. */
const SKEW_S = 30;
const JWKS_ANSWER_MS = 5_000;
/** Whoever names unknown keys makes us ask for keys this often. */
const JWKS_PAUSE_MS = 30_000;

/** Who is allowed in: checks tokens, and never shows one. */
export class Auth {
  readonly #settings: AuthSettings;
  readonly #keys: JWTVerifyGetKey | null;
  readonly #secret: KeptSecret;

  constructor(settings: AuthSettings, log: Log, pauseMs = JWKS_PAUSE_MS) {
    this.#settings = settings;
    this.#secret = new KeptSecret(settings.secret, log);
    this.#keys =
      settings.jwksUrl === null
        ? null
        : createRemoteJWKSet(settings.jwksUrl, {
            timeoutDuration: JWKS_ANSWER_MS,
            cooldownDuration: pauseMs,
          });
  }

  /** Throws SY105 for a token that is not valid, SY104 where its key cannot be fetched. */
  async check(token: string): Promise<Token> {
    const { mode, tenantClaim } = this.#settings;
    const claims = mode === "none" ? unchecked(token) : await this.#verify(token);
    const { sub, iat, exp } = claims;
    if (typeof sub !== "string" || sub === "" || typeof iat !== "number")
      throw refused("it lacks sub or iat");
    const tenant = claims[tenantClaim];
    return { sub, iat, exp: exp ?? null, tenant: typeof tenant === "string" ? tenant : null, claims };
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { issuer, audience } = this.#settings;
    const options = {
      clockTolerance: SKEW_S,
      requiredClaims: ["exp", "iat", "sub"],
      ...(issuer !== null && { issuer }),
      ...(audience !== null && { audience }),
    };
    try {
      if (this.#keys !== null) {
        const algorithms = ["RS256", "ES256", "EdDSA"];
        return (await jwtVerify(token, this.#keys, { ...options, algorithms })).payload;
      }
      const key = new TextEncoder().encode(this.#secret.get());
      return (await jwtVerify(token, key, { ...options, algorithms: ["HS256"] })).payload;
    } catch (error) {
      if (!isOfToken(error)) {
        throw new AmpsyncError("SY104", "the keys that tokens are checked with cannot be fetched", {
          hint: "Look at AMPSYNC_JWKS_URL from the machine of this gateway.",
        });
      }
      throw refused(whyNot(error));
    }
  }
}

/** Whether the token is to blame, and not that the keys could not be had, or were none: nobody is signed out for that. */
function isOfToken(error: unknown): error is errors.JOSEError {
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== "ERR_JOSE_GENERIC"
  );
}

/** Texts of ours: those of the library may name what the token holds. */
function whyNot(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return "it has expired";
  if (error instanceof errors.JWTClaimValidationFailed) {
    const claim = ["aud", "iss", "exp", "iat", "sub", "nbf"].find((name) => name === error.claim);
    return claim === undefined ? "a claim of it is wrong" : `its claim ${claim} is missing or wrong`;
  }
  if (error instanceof errors.JWKSNoMatchingKey) return "no key of AMPSYNC_JWKS_URL is its key";
  return "its signature or form is wrong";
}

function refused(why: string): AmpsyncError {
  return new AmpsyncError("SY105", `the token is not accepted: ${why}`, {
    hint: "Sign in again.",
  });
}

/** For AMPSYNC_AUTH=none: the claims of a token of any signature, or the text itself as the subject. */
function unchecked(token: string): JWTPayload {
  const [, body = ""] = token.split(".");
  try {
    const claims: JWTPayload = JSON.parse(Buffer.from(body, "base64url").toString());
    const { exp: _, ...rest } = claims;
    return { iat: Math.floor(Date.now() / 1000), ...rest, sub: claims.sub ?? "anonymous" };
  } catch {
    return { sub: token === "" ? "anonymous" : token.slice(0, 200), iat: Math.floor(Date.now() / 1000) };
  }
}
