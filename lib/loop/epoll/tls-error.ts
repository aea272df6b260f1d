import { type CodedError, codedError } from "../../base/errors.ts";
import { EAGAIN, ECONNRESET, EINTR, systemError } from "./libc.ts";
import { type Openssl, SSL_ERROR_SYSCALL } from "./openssl.ts";

/** Parts of OpenSSL, by the numbers it gives them, as Node has them in the codes of its errors. Of SSL itself there is none. */
const LIBRARIES: Record<number, string> = {
  3: "BN_",
  4: "RSA_",
  6: "EVP_",
  9: "PEM_",
  11: "X509_",
  13: "ASN1_",
  15: "CRYPTO_",
  16: "EC_",
  32: "BIO_",
  34: "X509V3_",
  35: "PKCS12_",
};

/** An error as OpenSSL packs it: 1 bit for the system's own, 8 for the part that it is of, 23 for the reason. */
const REASON_BITS = 23;
const SYSTEM_FLAG = 2 ** 31;

/** The error that OpenSSL had first, with a code like Node's (`ERR_OSSL_X509_KEY_VALUES_MISMATCH`). Empties its queue. */
export function takeOpensslError(openssl: Openssl, fallback: string): CodedError {
  const error = openssl.takeError();
  openssl.clearErrors();
  const reason = error === 0 ? null : openssl.reason(error);
  if (reason === null) return codedError("ERR_OSSL", fallback);
  const part = error >= SYSTEM_FLAG ? "" : (LIBRARIES[(error >>> REASON_BITS) & 0xff] ?? "");
  return codedError(`ERR_OSSL_${part}${asCode(reason)}`, reason);
}

function asCode(reason: string): string {
  return reason.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_");
}

/** What became of a call that did not do what it was to do. */
export interface Verdict {
  /** One of SSL_ERROR. */
  readonly kind: number;
  /** The error, where it is the end. */
  readonly reason: string;
}

/**
 * Judges the result of a call on a session. Nobody clears the queue of errors before the call, which would cost a
 * third of it; so what the queue holds may be somebody else's, and the answer is asked for again without it.
 */
export function judge(openssl: Openssl, session: number, result: number): Verdict {
  const kind = openssl.getError(session, result);
  if (kind !== 1 && kind !== SSL_ERROR_SYSCALL) return { kind, reason: "" };
  const { message } = takeOpensslError(openssl, "");
  return { kind: openssl.getError(session, result), reason: message };
}

/** X509_V_ERR of a name or an address that is not in the certificate. */
export const HOSTNAME_MISMATCH = 62;
export const IP_ADDRESS_MISMATCH = 64;

/** The codes of other X509_V_ERR, from 2 on, as Node has them. */
const DISBELIEF = `
  UNABLE_TO_GET_ISSUER_CERT UNABLE_TO_GET_CRL UNABLE_TO_DECRYPT_CERT_SIGNATURE UNABLE_TO_DECRYPT_CRL_SIGNATURE
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY CERT_SIGNATURE_FAILURE CRL_SIGNATURE_FAILURE CERT_NOT_YET_VALID CERT_HAS_EXPIRED
  CRL_NOT_YET_VALID CRL_HAS_EXPIRED ERROR_IN_CERT_NOT_BEFORE_FIELD ERROR_IN_CERT_NOT_AFTER_FIELD
  ERROR_IN_CRL_LAST_UPDATE_FIELD ERROR_IN_CRL_NEXT_UPDATE_FIELD OUT_OF_MEM DEPTH_ZERO_SELF_SIGNED_CERT
  SELF_SIGNED_CERT_IN_CHAIN UNABLE_TO_GET_ISSUER_CERT_LOCALLY UNABLE_TO_VERIFY_LEAF_SIGNATURE CERT_CHAIN_TOO_LONG
  CERT_REVOKED INVALID_CA PATH_LENGTH_EXCEEDED INVALID_PURPOSE CERT_UNTRUSTED CERT_REJECTED
`
  .trim()
  .split(/\s+/);

/** Why a certificate is not believed: `result` is one of X509_V_ERR, `host` whose it should have been. */
export function disbelief(openssl: Openssl, result: number, host: string): CodedError {
  if (result === HOSTNAME_MISMATCH || result === IP_ADDRESS_MISMATCH)
    return codedError("ERR_TLS_CERT_ALTNAME_INVALID", `the certificate is not that of ${host}`);
  return codedError(DISBELIEF[result - 2] ?? "UNSPECIFIED", openssl.verifyText(result));
}

/** The error of a connection that OpenSSL has given up, from its verdict and the errno right after the call. */
export function lostConnection(kind: number, errno: number, reason: string): CodedError {
  if (reason !== "") return codedError(`ERR_SSL_${asCode(reason)}`, reason);
  return systemError(errnoOf(kind, errno), "connection");
}

/** What has ended a connection. Where it was not the system, errno is of some earlier call, and mostly says EAGAIN. */
export function errnoOf(kind: number, errno: number): number {
  const isTheirs = kind === SSL_ERROR_SYSCALL && errno > 0 && errno !== EAGAIN && errno !== EINTR;
  return isTheirs ? errno : ECONNRESET;
}
