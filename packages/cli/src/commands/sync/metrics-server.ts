import { createServer, type Server } from 'node:http';
import { NestbitError } from '@nestbit/core';
import { prometheusText, type SyncWorker } from '@nestbit/pg-adapter';

/** Serves /metrics (Prometheus) and /health on a port. */
export async function serveMetrics(worker: SyncWorker, host: string, port: number): Promise<Server> {
  const server = createServer(async (request, response) => {
    const path = request.url?.split('?')[0];
    if (path !== '/metrics' && path !== '/health') {
      response.writeHead(404).end();
      return;
    }
    try {
      const text = prometheusText(await worker.metrics());
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      response.end(path === '/health' ? 'ok\n' : text);
    } catch (error) {
      response.writeHead(503).end(`${(error as Error).message}\n`);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new NestbitError('USAGE', `The port ${host}:${port} cannot be served: ${cause.message}.`, { cause }),
      ),
    );
    server.listen(port, host, resolve);
  });
  return server;
}
