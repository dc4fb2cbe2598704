SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.account (
    name text NOT NULL COLLATE pg_catalog."C",
    password_hash text NOT NULL,
    password_operation uuid NOT NULL,
    disabled boolean DEFAULT false NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.account_event (
    "position" bigint NOT NULL,
    id uuid NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT account_event_position_check CHECK (("position" >= 0))
);
CREATE TABLE public.primary_epoch (
    singleton boolean DEFAULT true NOT NULL,
    epoch bigint NOT NULL,
    server uuid,
    CONSTRAINT primary_epoch_epoch_check CHECK ((epoch >= 0)),
    CONSTRAINT primary_epoch_singleton_check CHECK (singleton)
);
CREATE TABLE public.registration_server_migrations (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);
CREATE TABLE public.replica_cursor (
    stream text NOT NULL,
    incarnation uuid NOT NULL,
    applied bigint NOT NULL,
    CONSTRAINT replica_cursor_applied_check CHECK ((applied >= 0))
);
CREATE TABLE public.replica_migration (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);
CREATE TABLE public.server_identity (
    only_row boolean DEFAULT true NOT NULL,
    id uuid NOT NULL,
    CONSTRAINT server_identity_only_row_check CHECK (only_row)
);
CREATE TABLE public.token (
    hash bytea NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    expires_at bigint NOT NULL,
    "position" bigint NOT NULL,
    CONSTRAINT token_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT token_position_check CHECK (("position" >= 0))
);
INSERT INTO public.account VALUES ('ana', '$argon2id$v=19$m=19456,t=2,p=1$5yKb6JSwstKE/TS/u4Jp9Q$FHUOPKmNKrianvPrQdNtTt7RgDTTakL7HXYBQg0um/Y', '01a2054d-fa47-77fd-9590-64382b9ef97c', false, 1795385326196);
INSERT INTO public.account VALUES ('ben', '$argon2id$v=19$m=19456,t=2,p=1$Q9atSh7BisdSzIkEi0ipwQ$2vcfqG/84pa1DbVXDquVsyCmAZQ0btyuK9wzmGu8BsU', '01a2054d-fc73-768c-8a8d-33a0be92ae41', false, 1795385326859);
INSERT INTO public.account VALUES ('carla', '$argon2id$v=19$m=19456,t=2,p=1$Hj4rM9JAhoZhQFj08pc+QQ$CLhcoB1YmysVqxVhPUNImA4u8+GRATpTad+5GaYfdUg', '01a2054d-fece-704b-8472-087996290e1f', false, 1795385327634);
INSERT INTO public.account_event VALUES (1024, '01a2054d-de41-73f6-b099-653d6278213e', '\xa46261741b000001a2054dde416269645001a2054dde4173f6b099653d6278213e626f70a1677072696d617279505f8474048b81418daa8afaa15101ba7d6565706f636801');
INSERT INTO public.account_event VALUES (2048, '01a2054d-fa47-77fd-9590-64382b9ef97c', '\xa46261741b000001a2054dfa746269645001a2054dfa4777fd959064382b9ef97c626f70a166637265617465a2676163636f756e7463616e616d70617373776f72645f686173687861246172676f6e32696424763d3139246d3d31393435362c743d322c703d312435794b62364a537773744b452f54532f75344a703951244648554f504b6d4e4b7269616e76507251644e745474375267445454616b4c3748585942516730756d2f596565706f636801');
INSERT INTO public.account_event VALUES (3072, '01a2054d-fbcd-7347-98f1-30e71c824344', '\xa46261741b000001a2054dfbcd6269645001a2054dfbcd734798f130e71c824344626f70a1666c6f675f696ea3676163636f756e7463616e616a657870697265735f61741b000001eb7239b3c86a746f6b656e5f6861736858205fb3f2317529c8c06a4005f43686dafcd670a6075b844b808e0d68e68e7207806565706f636801');
INSERT INTO public.account_event VALUES (4096, '01a2054d-fc73-768c-8a8d-33a0be92ae41', '\xa46261741b000001a2054dfd0b6269645001a2054dfc73768c8a8d33a0be92ae41626f70a166637265617465a2676163636f756e746362656e6d70617373776f72645f686173687861246172676f6e32696424763d3139246d3d31393435362c743d322c703d31245139617453683742697364537a496b45693069707751243276636671472f383470613144625658447175567379436d415a5130627479754b39777a6d4775384273556565706f636801');
INSERT INTO public.account_event VALUES (5120, '01a2054d-fe73-72e9-b4e6-2c3e4443a076', '\xa46261741b000001a2054dfe736269645001a2054dfe7372e9b4e62c3e4443a076626f70a1666c6f675f696ea3676163636f756e746362656e6a657870697265735f61741b000001eb7239b66b6a746f6b656e5f686173685820197b6df5d2561a913dd2154e4f1aae7df04e5399ca0ff2a495d4ab44df2af1366565706f636801');
INSERT INTO public.account_event VALUES (6144, '01a2054d-fece-704b-8472-087996290e1f', '\xa46261741b000001a2054e00126269645001a2054dfece704b8472087996290e1f626f70a166637265617465a2676163636f756e74656361726c616d70617373776f72645f686173687861246172676f6e32696424763d3139246d3d31393435362c743d322c703d3124486a34724d394a41686f5a6851466a303870632b515124434c68636f4231596d7973567178566850554e496d413475382b47524154705461642b35476159666455676565706f636801');
INSERT INTO public.account_event VALUES (7168, '01a2054e-0166-75fa-bb99-20c5ae4c30dd', '\xa46261741b000001a2054e01666269645001a2054e016675fabb9920c5ae4c30dd626f70a1666c6f675f696ea3676163636f756e74656361726c616a657870697265735f61741b000001eb7239b9656a746f6b656e5f6861736858207d3b0217284cc0fe6ea5779a7e1342a7b7d914df12d79852c39c372d4dd8e00d6565706f636801');
INSERT INTO public.primary_epoch VALUES (true, 1, '5f847404-8b81-418d-aa8a-faa15101ba7d');
INSERT INTO public.registration_server_migrations VALUES (1, 'accounts', '2026-11-22T22:08:38.064991675Z', '16015574245295836393');
INSERT INTO public.replica_cursor VALUES ('YOSHI_ACCOUNTS', '46c7eb6d-f5ce-4d61-a976-b3e81e571373', 8191);
INSERT INTO public.replica_migration VALUES (1, 'cursor', '2026-11-22T22:08:37.916451509Z', '8860878598560401113');
INSERT INTO public.server_identity VALUES (true, '5f847404-8b81-418d-aa8a-faa15101ba7d');
INSERT INTO public.token VALUES ('\x5fb3f2317529c8c06a4005f43686dafcd670a6075b844b808e0d68e68e720780', 'ana', 2110745326536, 3072);
INSERT INTO public.token VALUES ('\x197b6df5d2561a913dd2154e4f1aae7df04e5399ca0ff2a495d4ab44df2af136', 'ben', 2110745327211, 5120);
INSERT INTO public.token VALUES ('\x7d3b0217284cc0fe6ea5779a7e1342a7b7d914df12d79852c39c372d4dd8e00d', 'carla', 2110745327973, 7168);
ALTER TABLE ONLY public.account_event
    ADD CONSTRAINT account_event_id_key UNIQUE (id);
ALTER TABLE ONLY public.account_event
    ADD CONSTRAINT account_event_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.primary_epoch
    ADD CONSTRAINT primary_epoch_pkey PRIMARY KEY (singleton);
ALTER TABLE ONLY public.registration_server_migrations
    ADD CONSTRAINT registration_server_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.replica_cursor
    ADD CONSTRAINT replica_cursor_pkey PRIMARY KEY (stream);
ALTER TABLE ONLY public.replica_migration
    ADD CONSTRAINT replica_migration_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.server_identity
    ADD CONSTRAINT server_identity_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (hash);
CREATE INDEX token_account ON public.token USING btree (account);
ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_account_fkey FOREIGN KEY (account) REFERENCES public.account(name);
