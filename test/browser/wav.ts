const RATE = 44_100;

/** A recording of a tone: 16 bits, one channel, 88 200 bytes a second. */
export function wavFile(seconds: number): Buffer {
  const data = tone(seconds);
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write("WAVEfmt ", 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20); // PCM
  head.writeUInt16LE(1, 22); // channels
  head.writeUInt32LE(RATE, 24);
  head.writeUInt32LE(2 * RATE, 28);
  head.writeUInt16LE(2, 32); // bytes of a sample
  head.writeUInt16LE(16, 34); // bits of a sample
  head.write("data", 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

/** 441 Hz: a hundred samples a wave. */
function tone(seconds: number): Buffer {
  const wave = Buffer.alloc(200);
  for (let i = 0; i < 100; i++) {
    wave.writeInt16LE(Math.round(8000 * Math.sin((2 * Math.PI * i) / 100)), 2 * i);
  }
  return Buffer.alloc(2 * RATE * seconds, wave);
}
