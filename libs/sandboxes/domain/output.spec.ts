import { textOf, withoutCutCharacter } from './output';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'utf8');

describe('output', () => {
  it.each(['é', '€', '😀'])('leaves out the part of %s that a cut left over', (character) => {
    const whole = bytes(`ab${character}`);
    for (let length = 3; length < whole.length; length++)
      expect(textOf(withoutCutCharacter(whole.subarray(0, length)))).toBe('ab');
    expect(textOf(withoutCutCharacter(whole))).toBe(`ab${character}`);
  });

  it('keeps bytes that are no UTF-8 and were there before the cut', () => {
    for (const odd of [[0x61, 0xff], [0x61, 0x80, 0x80], [0x80, 0x80, 0x80, 0x80, 0x80], [0x61, 0xc3, 0xa9, 0xa9], []])
      expect([...withoutCutCharacter(Uint8Array.from(odd))]).toEqual(odd);
  });

  it('shows what is no UTF-8 as the replacement character, and keeps NUL and a byte order mark', () => {
    expect(textOf(Uint8Array.from([0x61, 0xff, 0x00, 0x62]))).toBe('a\u{FFFD}\0b');
    expect(textOf(Uint8Array.from([0xef, 0xbb, 0xbf, 0x61]))).toBe('\u{FEFF}a');
  });

  it('reads a view, not the whole buffer behind it', () => {
    expect(textOf(new Uint8Array(Buffer.from('xxabcxx').buffer.slice(0)).subarray(0, 0))).toBe('');
    const whole = Uint8Array.from(Buffer.from('xxabcxx'));
    expect(textOf(whole.subarray(2, 5))).toBe('abc');
  });
});
