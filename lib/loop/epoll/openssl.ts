import { bindLibrary, type Ffi, within } from "./libc.ts";

/*
 * The OpenSSL that the node executable carries, version 3, called directly.
 *
 * What it allocates (SSL_CTX, SSL, X509, …) is known here by its address, a number that goes back to OpenSSL and
 * nowhere else; 0 is its null pointer. Whoever makes one frees it, once, and forgets the number.
 */

export const SSL_ERROR_WANT_READ = 2;
export const SSL_ERROR_WANT_WRITE = 3;
export const SSL_ERROR_SYSCALL = 5;
export const SSL_ERROR_ZERO_RETURN = 6;

export const TLS1_2_VERSION = 0x0303;
export const TLS1_3_VERSION = 0x0304;

export const SSL_VERIFY_PEER = 1;
export const SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 2;

/** A FIN without a close_notify is an end as well, as it is for Node. */
export const SSL_OP_IGNORE_UNEXPECTED_EOF = 2 ** 7;
export const SSL_OP_NO_COMPRESSION = 2 ** 17;
export const SSL_OP_CIPHER_SERVER_PREFERENCE = 2 ** 22;
export const SSL_OP_NO_RENEGOTIATION = 2 ** 30;

export const SSL_MODE_ENABLE_PARTIAL_WRITE = 1;
export const SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 2;
/** Set of its own accord: a read goes on, however much comes that is of the protocol alone and not for its caller. */
export const SSL_MODE_AUTO_RETRY = 4;
/** What a session reads and writes with, 16 KiB each, is given back while it is idle. */
export const SSL_MODE_RELEASE_BUFFERS = 16;

/** What OpenSSL asks during a handshake that `proceed` carries on. Neither answer may throw. */
export interface HandshakeQuestions {
  /** The SSL_CTX with the certificate for the name that the client asked for, or 0 to stay with what it has. */
  contextFor(name: string): number;
}

/** The calls as OpenSSL has them. Those that make something return 0 for a failure, which `takeError` explains. */
export interface Openssl {
  // --- errors: a queue that each thread has, shared with Node ------------------------------------------------
  clearErrors(): void;
  /** The oldest error in the queue, taken off it; 0 when there is none. */
  takeError(): number;
  /** The reason in words, or null. */
  reason(error: number): string | null;

  // --- SSL_CTX -------------------------------------------------------------------------------------------------
  newContext(side: "server" | "client"): number;
  freeContext(context: number): void;
  setOptions(context: number, options: number): void;
  setMode(context: number, mode: number): void;
  clearMode(context: number, mode: number): void;
  setReadAhead(context: number): void;
  /** Keeps no sessions: what resumes is in the client's tickets. */
  disableSessionCache(context: number): void;
  setVersions(context: number, oldest: number, newest: number): boolean;
  setCipherList(context: number, list: string): boolean;
  setCipherSuites(context: number, suites: string): boolean;
  useCertificate(context: number, certificate: number): boolean;
  addToChain(context: number, certificate: number): boolean;
  useKey(context: number, key: number): boolean;
  checkKey(context: number): boolean;
  /** `always` lets the handshake go on with a certificate that is not believed. */
  setVerify(context: number, mode: number, always: boolean): void;
  setSessionIdContext(context: number, id: Uint8Array): boolean;
  /** The size of ticket keys. */
  ticketKeySize(context: number): number;
  setTicketKeys(context: number, keys: Uint8Array): boolean;
  /** Answers ALPN with `http/1.1` or a fatal alert, and asks `contextFor`. */
  answerQuestions(context: number): void;

  // --- certificates and keys -----------------------------------------------------------------------------------
  /** A buffer of OpenSSL's own that holds a copy of `bytes`. */
  newBio(bytes: Uint8Array): number;
  freeBio(bio: number): void;
  /** The next certificate of PEM text. */
  readCertificate(bio: number): number;
  freeCertificate(certificate: number): void;
  readKey(bio: number, passphrase: string): number;
  freeKey(key: number): void;
  newStore(): number;
  freeStore(store: number): void;
  addToStore(store: number, certificate: number): boolean;
  /** The context uses the store, which may be shared. */
  useStore(context: number, store: number): void;
  /** Names `certificate` to clients, as one whose issuer is believed. */
  nameIssuer(context: number, certificate: number): boolean;

  // --- SSL -----------------------------------------------------------------------------------------------------
  newSession(context: number, fd: number, side: "server" | "client"): number;
  freeSession(session: number): void;
  /** Carries a handshake on: 1 when it is done. */
  proceed(session: number, questions: HandshakeQuestions | undefined): number;
  /** Decrypts to memory at `address`, of which the caller knows that `length` bytes are there. */
  read(session: number, address: number, length: number): number;
  write(session: number, from: Uint8Array, length: number): number;
  /** Sends close_notify: negative while it has not gone. */
  shutdown(session: number): number;
  hasPending(session: number): boolean;
  /** One of SSL_ERROR for what a call has returned. Errors that others left in the queue change the answer. */
  getError(session: number, result: number): number;
  setServerName(session: number, name: string): boolean;
  /** Whether the peer's certificate is for a name, or for an address. */
  isForHost(session: number, name: string): boolean;
  isForAddress(session: number, address: string): boolean;
  /** 0 or one of X509_V_ERR. */
  verifyResult(session: number): number;
  setVerifyResult(session: number, result: number): void;
  verifyText(result: number): string;
  /** The peer's certificate in DER. */
  peerCertificate(session: number): Uint8Array | undefined;
}

let loaded: Openssl | undefined;

/** Looks OpenSSL up, once a process. Throws `ENOTSUP`, and says why, where it cannot be called. */
export function loadOpenssl(): Openssl {
  loaded ??= bindLibrary("OpenSSL", (ffi) => {
    const questions = bindQuestions(ffi);
    return {
      ...bindErrors(ffi),
      ...bindContexts(ffi, questions),
      ...bindVerifying(ffi),
      ...bindCertificates(ffi),
      ...bindSessions(ffi, questions),
      ...bindPeer(ffi),
    };
  });
  return loaded;
}

/** Whether this loop can speak TLS by itself. Where not, it leaves TLS to node:tls. */
export function isTlsAvailable(): boolean {
  try {
    loadOpenssl();
    return true;
  } catch {
    return false;
  }
}

type Returns<T> = (...args: unknown[]) => T;

function bindErrors({ call }: Ffi) {
  return {
    clearErrors: call("void ERR_clear_error()") as unknown as () => void,
    takeError: call("unsigned long ERR_get_error()") as () => number,
    reason: call("const char* ERR_reason_error_string(unsigned long)") as unknown as Openssl["reason"],
  };
}

/** Numbers of SSL_CTX_ctrl and SSL_ctrl, which C knows as macros. */
const CTRL_MODE = 33;
const CTRL_READ_AHEAD = 41;
const CTRL_SESSION_CACHE = 44;
const CTRL_SERVER_NAME_CALLBACK = 53;
const CTRL_SERVER_NAME = 55;
const CTRL_TICKET_KEYS = 59;
const CTRL_CLEAR_MODE = 78;
const CTRL_CHAIN_CERTIFICATE = 89;
const CTRL_MIN_VERSION = 123;
const CTRL_MAX_VERSION = 124;

function bindContexts({ call }: Ffi, { alpn, serverName }: Questions) {
  const create = call("uintptr_t SSL_CTX_new(uintptr_t)");
  const methods = {
    server: call("uintptr_t TLS_server_method()")(),
    client: call("uintptr_t TLS_client_method()")(),
  };
  const options = call("uint64_t SSL_CTX_set_options(uintptr_t, uint64_t)");
  const control = call("long SSL_CTX_ctrl(uintptr_t, int, long, uintptr_t)");
  const controlBytes = call("long SSL_CTX_ctrl(uintptr_t, int, long, void*)");
  const setCallback = call("long SSL_CTX_callback_ctrl(uintptr_t, int, void*)");
  const setAlpn = call("void SSL_CTX_set_alpn_select_cb(uintptr_t, void*, void*)");
  const idContext = call("int SSL_CTX_set_session_id_context(uintptr_t, void*, unsigned int)");
  const list = call("int SSL_CTX_set_cipher_list(uintptr_t, const char*)");
  const suites = call("int SSL_CTX_set_ciphersuites(uintptr_t, const char*)");
  return {
    newContext: (side: "server" | "client") => create(methods[side]),
    freeContext: call("void SSL_CTX_free(uintptr_t)") as unknown as Openssl["freeContext"],
    setOptions: (context: number, bits: number) => void options(context, bits),
    setMode: (context: number, mode: number) => void control(context, CTRL_MODE, mode, 0),
    clearMode: (context: number, mode: number) => void control(context, CTRL_CLEAR_MODE, mode, 0),
    setReadAhead: (context: number) => void control(context, CTRL_READ_AHEAD, 1, 0),
    disableSessionCache: (context: number) => void control(context, CTRL_SESSION_CACHE, 0, 0),
    setVersions: (context: number, oldest: number, newest: number) =>
      control(context, CTRL_MIN_VERSION, oldest, 0) === 1 &&
      control(context, CTRL_MAX_VERSION, newest, 0) === 1,
    setCipherList: (context: number, names: string) => list(context, names) === 1,
    setCipherSuites: (context: number, names: string) => suites(context, names) === 1,
    setSessionIdContext: (context: number, id: Uint8Array) => idContext(context, id, id.length) === 1,
    ticketKeySize: (context: number) => control(context, CTRL_TICKET_KEYS, 0, 0),
    setTicketKeys: (context: number, keys: Uint8Array) =>
      controlBytes(context, CTRL_TICKET_KEYS, keys.length, keys) === 1,
    answerQuestions(context: number) {
      setCallback(context, CTRL_SERVER_NAME_CALLBACK, serverName);
      setAlpn(context, alpn, null);
    },
  };
}

function bindVerifying({ call, callback }: Ffi) {
  const setVerify = call("void SSL_CTX_set_verify(uintptr_t, int, void*)");
  const always = callback(["int", "uintptr_t"], () => 1);
  return {
    setVerify: (context: number, mode: number, accept: boolean) =>
      void setVerify(context, mode, accept ? always : null),
    verifyResult: call("long SSL_get_verify_result(uintptr_t)") as Openssl["verifyResult"],
    setVerifyResult: call(
      "void SSL_set_verify_result(uintptr_t, long)",
    ) as unknown as Openssl["setVerifyResult"],
    verifyText: call("const char* X509_verify_cert_error_string(long)") as unknown as Openssl["verifyText"],
  };
}

function bindCertificates({ call }: Ffi) {
  const memory = call("uintptr_t BIO_s_mem()");
  const createBio = call("uintptr_t BIO_new(uintptr_t)");
  const fill = call("int BIO_write(uintptr_t, void*, int)");
  const readCertificate = call("uintptr_t PEM_read_bio_X509(uintptr_t, uintptr_t, uintptr_t, const char*)");
  const readKey = call("uintptr_t PEM_read_bio_PrivateKey(uintptr_t, uintptr_t, uintptr_t, const char*)");
  const useCertificate = call("int SSL_CTX_use_certificate(uintptr_t, uintptr_t)");
  const control = call("long SSL_CTX_ctrl(uintptr_t, int, long, uintptr_t)");
  const useKey = call("int SSL_CTX_use_PrivateKey(uintptr_t, uintptr_t)");
  const checkKey = call("int SSL_CTX_check_private_key(uintptr_t)");
  const addToStore = call("int X509_STORE_add_cert(uintptr_t, uintptr_t)");
  const holdStore = call("int X509_STORE_up_ref(uintptr_t)");
  const setStore = call("void SSL_CTX_set_cert_store(uintptr_t, uintptr_t)");
  const nameIssuer = call("int SSL_CTX_add_client_CA(uintptr_t, uintptr_t)");
  return {
    newBio(bytes: Uint8Array) {
      const bio = createBio(memory());
      fill(bio, bytes, bytes.length);
      return bio;
    },
    freeBio: call("int BIO_free(uintptr_t)") as unknown as Openssl["freeBio"],
    // A passphrase is always given: without one OpenSSL asks at the terminal.
    readCertificate: (bio: number) => readCertificate(bio, 0, 0, ""),
    freeCertificate: call("void X509_free(uintptr_t)") as unknown as Openssl["freeCertificate"],
    readKey: (bio: number, passphrase: string) => readKey(bio, 0, 0, passphrase),
    freeKey: call("void EVP_PKEY_free(uintptr_t)") as unknown as Openssl["freeKey"],
    useCertificate: (context: number, certificate: number) => useCertificate(context, certificate) === 1,
    // The context takes a reference of its own.
    addToChain: (context: number, certificate: number) =>
      control(context, CTRL_CHAIN_CERTIFICATE, 1, certificate) === 1,
    useKey: (context: number, key: number) => useKey(context, key) === 1,
    checkKey: (context: number) => checkKey(context) === 1,
    newStore: call("uintptr_t X509_STORE_new()") as () => number,
    freeStore: call("void X509_STORE_free(uintptr_t)") as unknown as Openssl["freeStore"],
    addToStore: (store: number, certificate: number) => addToStore(store, certificate) === 1,
    useStore(context: number, store: number) {
      holdStore(store);
      setStore(context, store);
    },
    nameIssuer: (context: number, certificate: number) => nameIssuer(context, certificate) === 1,
  };
}

function bindSessions({ call }: Ffi, questions: Questions) {
  const create = call("uintptr_t SSL_new(uintptr_t)");
  const setFd = call("int SSL_set_fd(uintptr_t, int)");
  const sides = {
    server: call("void SSL_set_accept_state(uintptr_t)"),
    client: call("void SSL_set_connect_state(uintptr_t)"),
  };
  const handshake = call("int SSL_do_handshake(uintptr_t)");
  const write = call("int SSL_write(uintptr_t, void*, int)");
  const hasPending = call("int SSL_has_pending(uintptr_t)");
  const freeSession = call("void SSL_free(uintptr_t)") as unknown as Openssl["freeSession"];
  return {
    freeSession,
    newSession(context: number, fd: number, side: "server" | "client") {
      const session = create(context);
      if (session === 0) return 0;
      sides[side](session);
      if (setFd(session, fd) === 1) return session;
      freeSession(session);
      return 0;
    },
    proceed(session: number, asked: HandshakeQuestions | undefined) {
      questions.asked = asked;
      const result = handshake(session);
      questions.asked = undefined;
      return result;
    },
    read: call("int SSL_read(uintptr_t, uintptr_t, int)") as Openssl["read"],
    write: (session: number, from: Uint8Array, length: number) => write(session, from, within(from, length)),
    shutdown: call("int SSL_shutdown(uintptr_t)") as Openssl["shutdown"],
    hasPending: (session: number) => hasPending(session) === 1,
    getError: call("int SSL_get_error(uintptr_t, int)") as Openssl["getError"],
  };
}

const NO_PARTIAL_WILDCARDS = 4;

function bindPeer({ call, address }: Ffi) {
  const control = call("long SSL_ctrl(uintptr_t, int, long, const char*)");
  const checkHost = call("int X509_check_host(uintptr_t, const char*, size_t, unsigned int, void*)");
  const checkAddress = call("int X509_check_ip_asc(uintptr_t, const char*, unsigned int)");
  const peer = call("uintptr_t SSL_get1_peer_certificate(uintptr_t)");
  const encode = call("int i2d_X509(uintptr_t, void*)");
  const free = call("void X509_free(uintptr_t)");
  function withPeer<T>(session: number, use: (certificate: number) => T): T | undefined {
    const certificate = peer(session);
    if (certificate === 0) return undefined;
    const result = use(certificate);
    free(certificate);
    return result;
  }
  return {
    setServerName: (session: number, name: string) => control(session, CTRL_SERVER_NAME, 0, name) === 1,
    isForHost: (session: number, name: string) =>
      withPeer(session, (certificate) => checkHost(certificate, name, 0, NO_PARTIAL_WILDCARDS, null) === 1) ??
      false,
    isForAddress: (session: number, text: string) =>
      withPeer(session, (certificate) => checkAddress(certificate, text, 0) === 1) ?? false,
    peerCertificate: (session: number) =>
      withPeer(session, (certificate) => {
        const der = Buffer.allocUnsafeSlow(Math.max(0, encode(certificate, null)));
        // i2d writes to where a pointer leads, and moves the pointer on.
        const place = Buffer.allocUnsafeSlow(8);
        place.writeBigUInt64LE(BigInt(address(der)));
        encode(certificate, place);
        return der;
      }),
  };
}

interface Questions {
  /** Callbacks of OpenSSL's, to be called from within a handshake only. */
  readonly alpn: bigint;
  readonly serverName: bigint;
  /** Whom to ask during the handshake that goes on. */
  asked: HandshakeQuestions | undefined;
}

const TLSEXT_ERR_OK = 0;
const TLSEXT_ERR_ALERT_FATAL = 2;
const TLSEXT_ERR_NOACK = 3;

/** One pair of callbacks serves all contexts: they run within `proceed`, which knows whose handshake it is. */
function bindQuestions({ call, callback, peek, pokePointer, pokeByte }: Ffi): Questions {
  const nameOf = call("const char* SSL_get_servername(uintptr_t, int)") as unknown as Returns<string | null>;
  const useContext = call("uintptr_t SSL_set_SSL_CTX(uintptr_t, uintptr_t)");
  const questions: Questions = {
    asked: undefined,
    serverName: callback(["uintptr_t", "uintptr_t", "uintptr_t"], (session) => {
      const name = nameOf(session, 0);
      if (name === null || questions.asked === undefined) return TLSEXT_ERR_NOACK;
      const context = questions.asked.contextFor(name);
      if (context !== 0) useContext(session, context);
      return TLSEXT_ERR_OK;
    }),
    alpn: callback(
      ["uintptr_t", "uintptr_t", "uintptr_t", "uintptr_t", "uint", "uintptr_t"],
      (_session, out, outLength, list, length) => {
        const at = indexOfProtocol(peek(list, length), "http/1.1");
        if (at < 0) return TLSEXT_ERR_ALERT_FATAL;
        pokePointer(out, list + at);
        pokeByte(outLength, "http/1.1".length);
        return TLSEXT_ERR_OK;
      },
    ),
  };
  return questions;
}

/** Where a protocol stands in a client's list (RFC 7301 section 3.1), or -1. */
export function indexOfProtocol(list: Uint8Array, protocol: string): number {
  const wanted = Buffer.from(protocol, "latin1");
  for (let at = 0; at < list.length; at += 1 + list[at])
    if (wanted.equals(list.subarray(at + 1, at + 1 + list[at]))) return at + 1;
  return -1;
}
