// What a ViT of any size costs, counted: tokens, parameters, multiply-adds,
// memory. The arithmetic is that of vitlib/teach/data/sizes.py; a test of
// the size explorer holds the two to each other, and both to models that
// vitlib has built.

import { sum } from "./kit.js";

/** What all parts are together. */
export function all(parts) {
  return sum(Object.values(parts));
}

export function countTokens({ image_size, patch_size }) {
  return 1 + (image_size / patch_size) ** 2;
}

/** The learned numbers of each part. Heads change nothing. */
export function parameters(settings) {
  const { patch_size, in_channels, num_classes, embed_dim: d, depth } =
    settings;
  const hidden = 4 * d;
  return {
    patch_embed: (in_channels * patch_size ** 2 + 1) * d,
    cls_token: d,
    pos_embed: countTokens(settings) * d,
    attention: depth * 4 * (d + 1) * d,
    mlp: depth * ((d + 1) * hidden + (hidden + 1) * d),
    norms: (2 * depth + 1) * 2 * d,
    head: (d + 1) * num_classes,
  };
}

/** The multiplications of all matrix products, each with its addition. */
export function multiplyAdds(settings) {
  const { patch_size, in_channels, num_classes, embed_dim: d, depth } =
    settings;
  const n = countTokens(settings);
  return {
    patch_embed: (n - 1) * in_channels * patch_size ** 2 * d,
    qkv: depth * n * 3 * d ** 2,
    scores: depth * n ** 2 * d,
    mixing: depth * n ** 2 * d,
    proj: depth * n * d ** 2,
    mlp: depth * n * 2 * d * 4 * d,
    head: d * num_classes,
  };
}

/** Bytes in float32: to run it, to train it by AdamW; then of one image:
 *  what a training step keeps of it, and its maps. */
export function memory(settings) {
  const weights = 4 * all(parameters(settings));
  const { image_size, in_channels, embed_dim: d, depth, num_heads } =
    settings;
  const n = countTokens(settings);
  const block = n * (8 * d + 2 * 4 * d + num_heads + 4);
  const ends = in_channels * image_size ** 2 + n * (2 * d + 2);
  const activations = 4 * (depth * block + ends);
  const maps = 4 * depth * num_heads * n ** 2;
  return { weights, training: 4 * weights, activations, maps };
}

/** What vitlib would refuse, in its words; "" where there is nothing. */
export function refusal({ image_size, patch_size, embed_dim, num_heads }) {
  const left = image_size % patch_size;
  if (left) {
    return `An image of ${image_size} x ${image_size} pixels cannot be cut ` +
      `into patches of ${patch_size} x ${patch_size}: ${left} rows and ` +
      `${left} columns would be left over.`;
  }
  if (embed_dim % num_heads) {
    return `embed_dim ${embed_dim} cannot be shared among ${num_heads} ` +
      `heads: ${embed_dim % num_heads} would be left over.`;
  }
  return "";
}
