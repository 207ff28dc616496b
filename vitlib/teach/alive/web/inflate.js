// A deflated file -> its bytes; in every browser, in workers too.

export async function inflate(bytes) {
  // WebKit's Blob.stream() fails in a worker of a page from disk.
  const { body } = new Response(bytes);
  const whole = body.pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(whole).arrayBuffer());
}
