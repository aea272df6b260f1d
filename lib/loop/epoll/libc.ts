import { createRequire } from "node:module";
import { constants, endianness } from "node:os";
import { getSystemErrorName } from "node:util";
import { isMainThread } from "node:worker_threads";
import type { LibraryHandle } from "koffi";
import { type CodedError, codedError, errorCode } from "../../base/errors.ts";

/*
 * Every function of libc and zlib that the loop calls, and the only file that knows the FFI.
 *
 * Memory goes to the kernel as typed arrays, never as raw addresses: the FFI looks the address up at each call, so a
 * buffer that was detached meanwhile is a null pointer and an error, not freed memory. Each length passes `within`.
 * The exceptions are what z-stream.ts writes into a stream of zlib's, and where tls-link.ts has OpenSSL decrypt to.
 */

type Koffi = typeof import("koffi");

export const { EAGAIN, EINTR, EPIPE, ECONNRESET, EMFILE, ENFILE, EINPROGRESS } = constants.errno;
export const { ENOBUFS, ENOMEM, EAFNOSUPPORT, EADDRNOTAVAIL, EBADF, EINVAL, ENOTSOCK } = constants.errno;

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_REUSEPORT = 15;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_CORK = 3;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const MSG_PEEK = 2;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_MORE = 0x8000;
export const SHUT_WR = 1;
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

const EPOLL_CLOEXEC = 0o2000000;
const EFD_CLOEXEC = 0o2000000;
const UV_POLL = 8;
const UV_READABLE = 1;

/** Four-byte words in `struct epoll_event`: packed on x86, aligned to eight bytes elsewhere. */
export const EVENT_WORDS = process.arch === "x64" || process.arch === "ia32" ? 3 : 4;
/** The word at which the event's 64 bits of user data begin. */
export const EVENT_DATA = EVENT_WORDS - 2;

/** A descriptor that Node's own loop watches. Every call after `close` does nothing. */
export interface Watch {
  /** Calls back, from outside of JavaScript, for as long as the descriptor is readable. */
  start(): void;
  stop(): void;
  /** Whether watching keeps the process alive. */
  hold(keep: boolean): void;
  /** Resolves when libuv has let go of the handle and its memory is free. */
  close(): Promise<void>;
}

/** The calls as libc has them; each returns -1 for a failure, and `errno()` right after says which. */
export interface Libc {
  errno(): number;
  socket(family: number, type: number): number;
  bind(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** The peer's address is written to `address`. */
  accept(fd: number, address: Uint8Array): number;
  /** Returns the length of the address, or -1. */
  socketName(fd: number, address: Uint8Array): number;
  setOption(fd: number, level: number, name: number, value: number): number;
  /** Returns the value, or -1. */
  getOption(fd: number, level: number, name: number): number;
  recv(fd: number, into: Uint8Array, length: number): number;
  /** As `recv`, and the bytes stay there. */
  peek(fd: number, into: Uint8Array, length: number): number;
  send(fd: number, from: Uint8Array, length: number, flags: number): number;
  /** Sends `length` bytes of `file` from `offset` on, and returns how many of them went. */
  sendFile(fd: number, file: number, offset: number, length: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  epollCreate(): number;
  epollControl(epoll: number, operation: number, fd: number, event: Int32Array): number;
  /** At most `limit` events are written to `events`. */
  epollWait(epoll: number, events: Int32Array, limit: number, timeoutMs: number): number;
  /** A descriptor that is good for nothing but to be held and given back. */
  spare(): number;
  /** Where memory begins. It stays there until it is detached or collected. */
  address(memory: Uint8Array): number;
  /** Has Node's loop watch `fd`. Throws `ENOTSUP` in a worker thread. */
  watch(fd: number, onReadable: () => void): Watch;
}

/** The calls as zlib has them. A stream is the memory of a `z_stream`, which z-stream.ts knows; the rest are codes. */
export interface Zlib {
  /** As that of `Libc`, for a pointer within a stream. */
  address(memory: Uint8Array): number;
  /** Raw DEFLATE, without a header (so `windowBits` is given as a positive number). */
  deflateInit(stream: Uint8Array, level: number, windowBits: number, memLevel: number): number;
  deflate(stream: Uint8Array, flush: number): number;
  deflateReset(stream: Uint8Array): number;
  deflateSetDictionary(stream: Uint8Array, dictionary: Uint8Array): number;
  deflateEnd(stream: Uint8Array): number;
  inflateInit(stream: Uint8Array, windowBits: number): number;
  inflate(stream: Uint8Array, flush: number): number;
  inflateReset(stream: Uint8Array): number;
  /** As `inflateReset`, but what it may refer back to stays. */
  inflateResetKeep(stream: Uint8Array): number;
  inflateSetDictionary(stream: Uint8Array, dictionary: Uint8Array): number;
  inflateEnd(stream: Uint8Array): number;
}

/** Refuses a length that a buffer does not have: no call reads or writes beyond its memory. */
export function within(view: ArrayBufferView, length: number): number {
  if (length >= 0 && length <= view.byteLength) return length;
  throw codedError("ERR_OUT_OF_RANGE", `a buffer of ${view.byteLength} bytes was given as ${length}`);
}

/** The error of a failed call, with the system's code. */
export function systemError(errno: number, call: string): CodedError {
  const code = errno > 0 ? getSystemErrorName(-errno) : "EIO";
  return codedError(code, `${call} failed: ${code}`);
}

let loaded: Libc | undefined;

/** Loads the FFI and looks up every symbol, once a process. Throws `ENOTSUP`, and says why, where that cannot be. */
export function loadLibc(): Libc {
  loaded ??= bindAll(loadKoffi());
  return loaded;
}

let loadedZlib: Zlib | undefined;

/** Looks up zlib, which Node carries with it, once a process. Throws `ENOTSUP`, and says why, where it cannot be had. */
export function loadZlib(): Zlib {
  loadedZlib ??= bindLibrary("zlib", bindZlib);
  return loadedZlib;
}

function loadKoffi(): Koffi {
  if (process.platform !== "linux") throw unsupported(`there is no epoll on ${process.platform}`);
  if (endianness() !== "LE") throw unsupported("the layouts are written for little-endian machines");
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch (error) {
    const why =
      errorCode(error) === "MODULE_NOT_FOUND"
        ? 'the optional package "koffi" is not installed'
        : `the package "koffi" does not load (${(error as Error).message})`;
    throw unsupported(why, error);
  }
}

function unsupported(why: string, cause?: unknown): CodedError {
  return codedError("ENOTSUP", `The epoll event loop is not available: ${why}`, cause);
}

export type Call = (...args: unknown[]) => number;

/** What a file needs that names the functions of a library which the node executable carries. */
export interface Ffi {
  /** Looks a function up. Pointers that only go back to the library are numbers there (`uintptr_t`). */
  call(definition: string): Call;
  /** Makes `run` callable for as long as the thread lives: it takes numbers and returns an int, and must not throw. */
  callback(argumentTypes: readonly string[], run: (...words: number[]) => number): bigint;
  /** Where memory begins. It stays there until it is detached or collected. */
  address(memory: ArrayBufferView): number;
  /** A copy of foreign memory. */
  peek(address: number, length: number): Uint8Array;
  /** Writes a pointer, or one byte, to foreign memory. */
  pokePointer(address: number, value: number): void;
  pokeByte(address: number, value: number): void;
}

/** Binds the functions of a library in the process. Throws `ENOTSUP`, and says why, where one is missing. */
export function bindLibrary<T>(name: string, bind: (ffi: Ffi) => T): T {
  const koffi = loadKoffi();
  try {
    const library = koffi.load(null);
    const copy = library.func("void memcpy(void*, uintptr_t, size_t)");
    return bind({
      call: (definition) => library.func(definition) as Call,
      callback: (types, run) => koffi.register(run, koffi.pointer(koffi.proto("int", [...types]))),
      address: (memory) => Number(koffi.address(memory)),
      // Not decoded as an array: the FFI keeps a type for each length that a peer thinks of, for ever.
      peek(address, length) {
        const bytes = new Uint8Array(length);
        copy(bytes, address, length);
        return bytes;
      },
      pokePointer: (address, value) => koffi.encode(BigInt(address), "uintptr_t", value),
      pokeByte: (address, value) => koffi.encode(BigInt(address), "uint8_t", value),
    });
  } catch (error) {
    throw unsupported(`${name} cannot be called (${(error as Error).message})`, error);
  }
}

function bindAll(koffi: Koffi): Libc {
  try {
    // The process itself: libc is in it, and the node executable exports libuv to native addons.
    const library = koffi.load(null);
    const call = (definition: string): Call => library.func(definition) as Call;
    return { ...bindSockets(koffi, call), ...bindEpoll(call), watch: bindWatch(koffi, library, call) };
  } catch (error) {
    throw unsupported(`a symbol is missing (${(error as Error).message})`, error);
  }
}

function bindSockets(koffi: Koffi, call: (definition: string) => Call) {
  const socket = call("int socket(int, int, int)");
  const bind = call("int bind(int, void*, int)");
  const connect = call("int connect(int, void*, int)");
  const accept4 = call("int accept4(int, void*, void*, int)");
  const getsockname = call("int getsockname(int, void*, void*)");
  const setsockopt = call("int setsockopt(int, int, int, void*, int)");
  const getsockopt = call("int getsockopt(int, int, int, void*, void*)");
  // No length reaches 2 GiB, so that the results fit what V8 calls a small integer.
  const recv = call("int recv(int, void*, int, int)");
  const send = call("int send(int, void*, int, int)");
  const sendfile = bindSendFile(call);
  const value = new Int32Array(32);
  const size = new Int32Array(32);
  const place = new Uint32Array(32);
  return {
    errno: () => koffi.errno(),
    socket: (family: number, type: number) => socket(family, type, 0),
    bind: (fd: number, address: Uint8Array) => bind(fd, address, address.byteLength),
    connect: (fd: number, address: Uint8Array) => connect(fd, address, address.byteLength),
    listen: call("int listen(int, int)") as Libc["listen"],
    accept(fd: number, address: Uint8Array) {
      size[0] = address.byteLength;
      return accept4(fd, address, size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    },
    socketName(fd: number, address: Uint8Array) {
      size[0] = address.byteLength;
      return getsockname(fd, address, size) < 0 ? -1 : size[0];
    },
    setOption(fd: number, level: number, name: number, wanted: number) {
      value[0] = wanted;
      return setsockopt(fd, level, name, value, 4);
    },
    getOption(fd: number, level: number, name: number) {
      size[0] = 4;
      return getsockopt(fd, level, name, value, size) < 0 ? -1 : value[0];
    },
    recv: (fd: number, into: Uint8Array, length: number) => recv(fd, into, within(into, length), 0),
    peek: (fd: number, into: Uint8Array, length: number) => recv(fd, into, within(into, length), MSG_PEEK),
    send: (fd: number, from: Uint8Array, length: number, flags: number) =>
      send(fd, from, within(from, length), flags),
    sendFile(fd: number, file: number, offset: number, length: number) {
      // 64 bits, little-endian. The file's own place is not moved.
      place[0] = offset;
      place[1] = offset / 2 ** 32;
      return sendfile(fd, file, place, length);
    },
    shutdown: call("int shutdown(int, int)") as Libc["shutdown"],
    close: call("int close(int)") as Libc["close"],
    address: (memory: Uint8Array) => Number(koffi.address(memory)),
  };
}

/** Offsets of 64 bits have a name of their own in glibc, and none in musl, where all have. */
function bindSendFile(call: (definition: string) => Call): Call {
  try {
    return call("int sendfile64(int, int, void*, size_t)");
  } catch {
    return call("int sendfile(int, int, void*, size_t)");
  }
}

function bindEpoll(call: (definition: string) => Call) {
  const create = call("int epoll_create1(int)");
  const control = call("int epoll_ctl(int, int, int, void*)");
  const wait = call("int epoll_wait(int, void*, int, int)");
  const eventfd = call("int eventfd(unsigned int, int)");
  return {
    epollCreate: () => create(EPOLL_CLOEXEC),
    epollControl(epoll: number, operation: number, fd: number, event: Int32Array) {
      within(event, EVENT_WORDS * 4);
      return control(epoll, operation, fd, event);
    },
    epollWait(epoll: number, events: Int32Array, limit: number, timeoutMs: number) {
      within(events, limit * EVENT_WORDS * 4);
      return wait(epoll, events, limit, timeoutMs);
    },
    spare: () => eventfd(0, EFD_CLOEXEC),
  };
}

function bindWatch(koffi: Koffi, library: LibraryHandle, call: (definition: string) => Call): Libc["watch"] {
  // Without names, as those are the whole process's and a second copy of this module could not declare them again.
  const PollCallback = koffi.pointer(koffi.proto("void", ["void*", "int", "int"]));
  const CloseCallback = koffi.pointer(koffi.proto("void", ["void*"]));
  const defaultLoop = call("void* uv_default_loop()") as unknown as () => bigint;
  const handleSize = call("size_t uv_handle_size(int)");
  const init = call("int uv_poll_init(void*, void*, int)");
  const start = library.func("uv_poll_start", "int", ["void*", "int", PollCallback]) as Call;
  const stop = call("int uv_poll_stop(void*)");
  const close = library.func("uv_close", "void", ["void*", CloseCallback]) as Call;
  const ref = call("void uv_ref(void*)");
  const unref = call("void uv_unref(void*)");

  return (fd, onReadable) => {
    if (!isMainThread) throw workerThread();
    const handle = koffi.alloc("uint8_t", Number(handleSize(UV_POLL)));
    const failure = init(defaultLoop(), handle, fd);
    if (failure < 0) {
      koffi.free(handle);
      throw systemError(-failure, "uv_poll_init");
    }
    const readable = koffi.register(onReadable, PollCallback);
    let open = true;
    const release = (resolve: () => void) => {
      const closed = koffi.register(() => {
        // A callback cannot be unregistered while it runs.
        setImmediate(() => {
          koffi.unregister(readable);
          koffi.unregister(closed);
          koffi.free(handle);
          resolve();
        });
      }, CloseCallback);
      close(handle, closed);
    };
    return {
      start: () => void (open && start(handle, UV_READABLE, readable)),
      stop: () => void (open && stop(handle)),
      hold: (keep) => void (open && (keep ? ref : unref)(handle)),
      close() {
        if (!open) return Promise.resolve();
        open = false;
        return new Promise(release);
      },
    };
  };
}

/** The size of `struct z_stream` on 64-bit machines. On others `deflateInit2_` and its like refuse it. */
export const ZSTREAM_SIZE = 112;

function bindZlib({ call, address }: Ffi): Zlib {
  const version = (call("const char* zlibVersion()") as unknown as () => string)();
  const Z_DEFLATED = 8;
  const deflateInit2 = call("int deflateInit2_(void*, int, int, int, int, int, const char*, int)");
  const inflateInit2 = call("int inflateInit2_(void*, int, const char*, int)");
  const deflateSetDictionary = call("int deflateSetDictionary(void*, void*, unsigned int)");
  const inflateSetDictionary = call("int inflateSetDictionary(void*, void*, unsigned int)");
  return {
    address,
    deflateInit: (stream, level, windowBits, memLevel) =>
      deflateInit2(stream, level, Z_DEFLATED, -windowBits, memLevel, 0, version, ZSTREAM_SIZE),
    deflate: call("int deflate(void*, int)") as Zlib["deflate"],
    deflateReset: call("int deflateReset(void*)") as Zlib["deflateReset"],
    deflateSetDictionary: (stream, bytes) => deflateSetDictionary(stream, bytes, bytes.length),
    deflateEnd: call("int deflateEnd(void*)") as Zlib["deflateEnd"],
    inflateInit: (stream, windowBits) => inflateInit2(stream, -windowBits, version, ZSTREAM_SIZE),
    inflate: call("int inflate(void*, int)") as Zlib["inflate"],
    inflateReset: call("int inflateReset(void*)") as Zlib["inflateReset"],
    inflateResetKeep: call("int inflateResetKeep(void*)") as Zlib["inflateResetKeep"],
    inflateSetDictionary: (stream, bytes) => inflateSetDictionary(stream, bytes, bytes.length),
    inflateEnd: call("int inflateEnd(void*)") as Zlib["inflateEnd"],
  };
}

function workerThread(): CodedError {
  return codedError(
    "ENOTSUP",
    'In a worker thread the epoll event loop has only serviceSync; choose eventLoop "node" for service and run',
  );
}
