// Bytes that look random, are the same in every run, and can be made and checked as a stream, so that
// hundreds of megabytes need no memory.
import { createHash, type Hash } from 'node:crypto';

import { type Peer } from './peer.js';

/** `count` bytes that depend on `seed` alone (xorshift, 32 bits). */
export function seededBytes(seed: number, count: number): Buffer {
  const words = new Uint32Array(Math.ceil(count / 4));
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer, 0, count);
}

const PIECE_BYTES = 1 << 20;

/** Sends `megabytes` that depend on `seed`, no faster than they are taken; answers their hash. */
export async function sendMegabytes(peer: Peer, seed: number, megabytes: number): Promise<string> {
  const hash = createHash('sha1');
  for (let i = 0; i < megabytes; i += 1) {
    const piece = seededBytes(seed + i, PIECE_BYTES);
    hash.update(piece);
    await peer.send(piece);
  }
  return hash.digest('hex');
}

/** Reads `bytes` bytes; answers their hash. */
export async function hashOf(peer: Peer, bytes: number): Promise<string> {
  return digest(peer, bytes, createHash('sha1'));
}

async function digest(peer: Peer, bytes: number, hash: Hash): Promise<string> {
  let left = bytes;
  while (left > 0) {
    const piece = await peer.some(left);
    if (piece.length === 0) throw new Error(`ended ${String(left)} bytes early`);
    hash.update(piece);
    left -= piece.length;
  }
  return hash.digest('hex');
}
