import { expect, test } from "vitest";
import { EAGAIN, ECONNRESET, EPIPE } from "../../../lib/loop/epoll/libc.ts";
import {
  loadOpenssl,
  type Openssl,
  SSL_ERROR_SYSCALL,
  SSL_ERROR_WANT_READ,
} from "../../../lib/loop/epoll/openssl.ts";
import { clientContext } from "../../../lib/loop/epoll/tls-context.ts";
import {
  disbelief,
  errnoOf,
  judge,
  lostConnection,
  takeOpensslError,
} from "../../../lib/loop/epoll/tls-error.ts";

const openssl = loadOpenssl();

/** Leaves an error in the queue, as a call of somebody else might. */
function leaveError(): void {
  const bio = openssl.newBio(Buffer.from("no PEM"));
  openssl.readCertificate(bio);
  openssl.freeBio(bio);
}

test("gives the oldest error with OpenSSL's reason and a code like Node's, and empties the queue", () => {
  leaveError();
  leaveError();
  expect(takeOpensslError(openssl, "")).toMatchObject({
    code: "ERR_OSSL_PEM_NO_START_LINE",
    message: "no start line",
  });
  expect(takeOpensslError(openssl, "nothing")).toMatchObject({ code: "ERR_OSSL", message: "nothing" });
});

test("gives a reason of SSL without the name of that part, as Node does", () => {
  const packed = (20 << 23) | 1;
  const fake = { ...openssl, takeError: () => packed, clearErrors() {}, reason: () => "no such (thing)" };
  expect(takeOpensslError(fake as Openssl, "").code).toBe("ERR_OSSL_NO_SUCH_THING_");
});

test("does not take what others left in the queue for the end of a session", () => {
  const context = clientContext(openssl, {});
  const session = openssl.newSession(context.address, 0, "client");
  openssl.clearErrors();
  leaveError();
  const answers = [1, SSL_ERROR_WANT_READ];
  const calls = { ...openssl, getError: () => answers.shift()! } as Openssl;
  expect(judge(calls, session, -1).kind).toBe(SSL_ERROR_WANT_READ);
  expect(openssl.takeError()).toBe(0);
  openssl.freeSession(session);
  context.release();
});

test.each([
  [10, "CERT_HAS_EXPIRED", "certificate has expired"],
  [18, "DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate"],
  [20, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "unable to get local issuer certificate"],
  [21, "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to verify the first certificate"],
  [28, "CERT_REJECTED", "certificate rejected"],
  [62, "ERR_TLS_CERT_ALTNAME_INVALID", "the certificate is not that of here"],
  [64, "ERR_TLS_CERT_ALTNAME_INVALID", "the certificate is not that of here"],
  [79, "UNSPECIFIED", "invalid CA certificate"],
])("names X509_V_ERR %i %s", (result, code, message) => {
  expect(disbelief(openssl, result, "here")).toMatchObject({ code, message });
});

test("tells a lost connection by OpenSSL's reason, by the system's, or as a reset", () => {
  expect(lostConnection(1, 0, "wrong version number").code).toBe("ERR_SSL_WRONG_VERSION_NUMBER");
  expect(lostConnection(SSL_ERROR_SYSCALL, EPIPE, "").code).toBe("EPIPE");
  expect(lostConnection(SSL_ERROR_SYSCALL, 0, "")).toMatchObject({ code: "ECONNRESET" });
  expect(lostConnection(1, ECONNRESET, "").code).toBe("ECONNRESET");
});

test("does not take the errno of an earlier call for what has ended a connection", () => {
  expect(errnoOf(SSL_ERROR_SYSCALL, EPIPE)).toBe(EPIPE);
  expect(errnoOf(SSL_ERROR_SYSCALL, EAGAIN), "a call that may be made again is no SYSCALL").toBe(ECONNRESET);
  expect(errnoOf(SSL_ERROR_SYSCALL, 0)).toBe(ECONNRESET);
  expect(errnoOf(1, EPIPE)).toBe(ECONNRESET);
});
