// Text of peers for a terminal or a line of a log: control characters would let it move the cursor or
// start a line of its own.

export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (char) =>
    JSON.stringify(char)
      .slice(1, -1)
      .replace(/^[^\\]$/, '\ufffd'),
  );
}
