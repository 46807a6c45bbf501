-- Refuses from now on all tokens that a subject has been given so far: when it connects, renews its token, or loads.
-- Open sessions end. Tokens that are given later are good. What clients hold cannot be called back. Returns how many
-- sessions ended.
create or replace function ampsync.revoke_subject(
  subject text,
  reason  text default null
)
  returns bigint
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ended bigint;
begin
  if coalesce(revoke_subject.subject, '') = '' then
    raise exception using
      errcode = 'SY004',
      message = 'a subject is needed',
      detail  = 'It is the claim "sub" of tokens.',
      hint    = 'select ampsync.revoke_subject(''user-17'', reason => ''left'');';
  end if;
  insert into ampsync_private.revoked as r (subject, at, reason)
  values (revoke_subject.subject, ampsync_private.now(), revoke_subject.reason)
  on conflict on constraint revoked_pkey do update
     set at = greatest(excluded.at, r.at), reason = excluded.reason;
  perform ampsync_private.tell_gateways(jsonb_build_object(
            'client', s.client_id, 'generation', s.generation::text, 'gateway', s.gateway_id, 'why', 'revoked'))
     from ampsync_private.session s
     join ampsync_private.client c using (client_id)
    where c.subject = revoke_subject.subject;
  get diagnostics v_ended = row_count;
  perform ampsync_private.journal(null, 'subject_revoked', jsonb_build_object(
            'subject', revoke_subject.subject, 'reason', revoke_subject.reason, 'sessions', v_ended));
  return v_ended;
end;
$$;

comment on function ampsync.revoke_subject(text, text)
  is 'Refuse all tokens that a subject has been given so far; returns how many sessions end.';
