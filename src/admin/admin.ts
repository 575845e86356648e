// The admin server with all its endpoints.
import { type Variables } from '../config/environment.js';
import { type Clock } from '../core/clock.js';
import { type HostPort } from '../core/ip.js';
import { type Logger } from '../core/logger.js';
import { type MetricsPage } from '../metrics/registry.js';
import { environmentEndpoint } from './environment-endpoint.js';
import { live, type Readiness } from './health.js';
import { type AdminEndpoint } from './http.js';
import { type LevelControl, logLevelEndpoint } from './log-level-endpoint.js';
import { logsEndpoint, type LogSource } from './logs-endpoint.js';
import { metricsEndpoint } from './metrics-endpoint.js';
import { routesEndpoint, type RoutesSource } from './routes-endpoint.js';
import { AdminServer } from './server.js';
import { shutdownEndpoint } from './shutdown-endpoint.js';
import { whyEndpoint, type WhySource } from './why-endpoint.js';

export interface AdminParts {
  readonly address: HostPort;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly readiness: Readiness;
  readonly metrics: { render(): Promise<MetricsPage> };
  readonly variables: () => Variables;
  /** Undefined: nothing is logged, and that cannot be changed. */
  readonly levels: LevelControl | undefined;
  /** Undefined: nobody can follow the log. */
  readonly logs: LogSource | undefined;
  readonly shutdownEnabled: () => boolean;
  /** Begins the graceful end; false when it cannot. */
  readonly shutDown: () => boolean;
  readonly routes: RoutesSource;
  readonly why: WhySource;
}

export function createAdminServer(parts: AdminParts): AdminServer {
  const endpoints = new Map<string, AdminEndpoint>([
    ['/live', live],
    ['/ready', parts.readiness.endpoint],
    ['/metrics', metricsEndpoint(parts.metrics)],
    ['/env.json', environmentEndpoint(parts.variables)],
    ['/proxy-log-level', logLevelEndpoint(parts.levels)],
    ...(parts.logs === undefined ? [] : ([['/logs.json', logsEndpoint(parts.logs)]] as const)),
    ['/shutdown', shutdownEndpoint(parts.shutdownEnabled, parts.shutDown)],
    ['/routes.json', routesEndpoint(parts.routes)],
    ['/why.json', whyEndpoint(parts.why)],
  ]);
  return new AdminServer({ address: parts.address, endpoints, logger: parts.logger, clock: parts.clock });
}
