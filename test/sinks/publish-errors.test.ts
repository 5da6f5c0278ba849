import { JetStreamApiError } from '@nats-io/jetstream';
import { AuthorizationError, PermissionViolationError, RequestError } from '@nats-io/transport-node';
import { describe, expect, test } from 'vitest';
import { adviceFor, adviceForDial, adviceForReadBack, isRefusal } from '../../src/sinks/publish-errors.ts';

const denied = new RequestError('no', {
  cause: PermissionViolationError.parse('Permissions Violation for Publish to "picket.events.g.h"'),
});

describe('what an error of NATS means', () => {
  test('a missing permission is named, not taken for a missing stream', () => {
    for (const advice of [adviceFor, adviceForReadBack])
      expect(advice(denied, 'PICKET')).toBe(
        'the server does not let this user publish picket.events.g.h; permit it there',
      );
    expect(adviceForReadBack(new RequestError('x'), 'PICKET')).toContain('picket stream setup');
  });

  test('refused credentials are called so', () => {
    expect(adviceForDial(new AuthorizationError('Authorization Violation'))).toContain('nats.user');
  });

  test('only an answer that says so tells that nothing was stored', () => {
    const refused = new JetStreamApiError({ code: 503, err_code: 10077, description: 'full' });
    expect(isRefusal(refused)).toBe(true);
    expect(isRefusal(Object.assign(new Error('x'), { name: 'TimeoutError' }))).toBe(false);
  });
});
