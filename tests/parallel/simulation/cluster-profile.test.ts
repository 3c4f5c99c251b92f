import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { memoryFiles } from '../../../src/core/memory-files.js';
import { nodeRuntime } from '../../../src/node/runtime.js';
import { readClusterProfile } from '../../../src/parallel/simulation/cluster-profile.js';
import { repository } from '../../house/sources.js';

const profile = `version: 1
name: mine
nodes: 4
memoryGiB: 16
device: { gflops: 50, bandwidth: 10 }
network: { gbits: 1, latency: 50 }
`;
const read = (text: string) => readClusterProfile(memoryFiles({ 'cluster.yaml': text }), 'cluster.yaml');

test('a cluster has one device a node, f32 on the way and one switch unless its file says otherwise', async () => {
  const { devices, nodesPerMachine, wire, network } = await read(profile);
  assert.deepEqual({ devices, nodesPerMachine, wire }, { devices: 1, nodesPerMachine: 1, wire: 'f32' });
  assert.deepEqual(network, { gbits: 1, latency: 50, perMessage: 0, perByte: 0, oversubscription: 1 });
});

test('mistakes in a cluster’s file are told with their lines, what was received and what is allowed', async () => {
  const wrong = profile.replace('nodes: 4', 'nodes: none').replace('gbits: 1', 'gbit: 1').replace('memoryGiB: 16', 'memoryGiB: -1');
  await assert.rejects(read(wrong), ({ message }: Error) => {
    assert.match(message, /cluster\.yaml: \d mistakes/);
    assert.match(message, /line 3: nodes: 'none'; expected a number/);
    assert.match(message, /line 4: memoryGiB: -1; expected/);
    assert.match(message, /line 6: network\.gbit: unknown key; did you mean 'gbits'/);
    return true;
  });
});

test('a file in which there is nothing is told what it should be', async () => {
  await assert.rejects(read(''), /cluster\.yaml: an empty file; expected a cluster profile\. See recipes\/clusters/i);
});

test('a mistake in a device is told at its key, and all its names are allowed', async () => {
  await assert.rejects(
    read(profile.replace('{ gflops: 50, bandwidth: 10 }', 'heer')),
    /device: 'heer'; expected one of here, gpu-2014\. Did you/,
  );
  await assert.rejects(read(profile.replace('gflops: 50, ', '')), /line 5: device\.gflops: nothing; expected a number/);
});

test('the clusters in recipes/clusters can be read', async () => {
  const directory = join(repository, 'recipes', 'clusters');
  const files = readdirSync(directory);
  assert.ok(files.length >= 5);
  for (const file of files) await readClusterProfile(nodeRuntime.files, join(directory, file));
});
