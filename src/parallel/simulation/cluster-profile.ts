import * as z from 'zod';
import { readBoundedText } from '../../core/bounded-text.js';
import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { ConfigurationDocument } from '../../training/configuration-document.js';
import { describeIssues } from '../../training/configuration-issues.js';

const positive = z.number().positive();
const atLeastNothing = z.number().min(0);

/** A file that describes a cluster. All of it is stated or published; nothing is measured on the cluster. */
const clusterProfile = z.strictObject({
  version: z.literal(1).describe('Version of this format.'),
  name: z.string().min(1).describe('What people call it, with the sources of its figures if it exists.'),
  nodes: z.int().min(1).max(65_536).describe('Nodes that it has: what is simulated unless --nodes says otherwise.'),
  devices: z.int().min(1).max(64).default(1).describe('Devices of a node, which share its memory: cores, or 1 where a node is one GPU.'),
  memoryGiB: positive.describe('Memory of a node.'),
  device: z
    .union([
      z.enum(['here', 'gpu-2014']),
      z.strictObject({
        gflops: positive.describe('Floating-point operations of matrix products per second and device, in 10^9.'),
        bandwidth: positive.describe('Memory bandwidth of a device, in GB/s: sums of gradients and the optimizer are limited by it.'),
      }),
    ])
    .describe(
      'Speed of a device: here (a core of this machine, measured), gpu-2014 (the GPU of `--profile 2014`), or stated: { gflops, bandwidth }.',
    ),
  nodesPerMachine: z
    .int()
    .min(1)
    .default(1)
    .describe('With device: here, nodes that are processes of one machine, as ranks on a laptop are: they slow each other down.'),
  network: z
    .strictObject({
      gbits: positive.describe('Bandwidth of a node, in Gbit/s in each direction while both are used.'),
      latency: atLeastNothing.describe('Until the first byte of a message arrives, in microseconds.'),
      perMessage: atLeastNothing
        .default(0)
        .describe('For which a message keeps a node’s link or library busy besides its bytes, in microseconds.'),
      perByte: atLeastNothing
        .default(0)
        .describe(
          'For which a byte sent and one received keep a core of a node from computing, in nanoseconds: the network protocol’s work.',
        ),
      nodesPerSwitch: z.int().min(1).optional().describe('Nodes of one switch. Default: all.'),
      oversubscription: z
        .number()
        .min(1)
        .default(1)
        .describe('Among more nodes than a switch has, bandwidth between switches is smaller by this factor.'),
    })
    .describe('What connects nodes.'),
  wire: z.enum(['f32', 'bf16']).default('f32').describe('Precision of gradients and parameters on the way.'),
});
/** A cluster as its file states it, with defaults. */
export type ClusterProfile = z.output<typeof clusterProfile>;

/** A profile is a page of text. */
const mostBytes = 64 * 1024;

/** Reads a profile. All mistakes are reported together, each with its line, what was received and what is allowed. Throws `usage`. */
export async function readClusterProfile(files: Pick<Files, 'stream'>, path: string): Promise<ClusterProfile> {
  const text = await readBoundedText(files, path, mostBytes, 'a cluster profile');
  const document = ConfigurationDocument.parse(text, path, { allowed: 'a cluster profile', next: 'see recipes/clusters/ for examples' });
  const { value } = document;
  const { data, error } = clusterProfile.safeParse(value);
  if (data === undefined) throw new DecadeError('usage', describeIssues([{ error, schema: clusterProfile, value, document }], path));
  return data;
}
