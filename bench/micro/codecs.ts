import type { Codec } from "../../lib/base/codec.ts";
import { History } from "../../lib/base/history.ts";
import { quietLogger } from "../../lib/base/log.ts";
import { zlibCodec } from "../../lib/base/zlib-codec.ts";
import { openCodec } from "../../lib/loop/epoll/zlib.ts";
import type { Subject } from "./subjects.ts";

const SETTINGS = { level: 6, memLevel: 8, windowBits: 15 };
const SIZES = [200, 1024, 16_384];

/** Messages that resemble each other, and are not the same. */
function messages(size: number): Buffer[] {
  return Array.from({ length: 97 }, (_, seed) => {
    let text = "";
    for (let i = seed; text.length < size; i++)
      text += JSON.stringify({
        id: (i * 7919) % 9973,
        name: `user ${(i * 31) % 89}`,
        value: Math.sin(i).toFixed(5),
      });
    return Buffer.from(text.slice(0, size));
  });
}

function compress(name: string, codec: Codec, bytes: number): Subject {
  const history = new History(4096);
  const plain = messages(bytes);
  let next = 0;
  const call = () => void codec.deflate(plain[next++ % plain.length], history, SETTINGS);
  return { name: `compress, ${name}`, bytes, call };
}

function decompress(name: string, codec: Codec, bytes: number): Subject {
  const compressed = messages(bytes).map((each) => Buffer.from(codec.deflate(each, null, SETTINGS)));
  const history = new History(32_768);
  let next = 0;
  const call = () => {
    const message = compressed[next++ % compressed.length];
    codec.inflate(message, 0, message.length - 4, history, bytes);
  };
  return { name: `decompress, ${name}`, bytes, call };
}

/** The codecs, one session with context takeover each. */
export function codecSubjects(): Subject[] {
  const native = openCodec(quietLogger);
  return [compress, decompress].flatMap((subject) => [
    ...SIZES.map((size) => subject("native", native, size)),
    ...SIZES.map((size) => subject("node:zlib", zlibCodec, size)),
  ]);
}
