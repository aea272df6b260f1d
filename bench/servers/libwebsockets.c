/*
 * libwebsockets: libwebsockets PORT
 * Echoes whole messages; under the sub-protocol "broadcast" sends what it gets to all sessions of it.
 */
#include <libwebsockets.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Messages that may wait for one session before its input is held back. */
#define QUEUE 256

struct message {
    int references;
    int binary;
    size_t length;
    unsigned char bytes[]; /* LWS_PRE free bytes, then the payload */
};

struct session {
    int broadcasts;
    struct session *next; /* in the audience */
    struct lws *wsi;
    struct message *arriving;
    struct message *queue[QUEUE];
    unsigned first, count;
};

static struct session *audience;

static void release(struct message *message)
{
    if (message && --message->references == 0) free(message);
}

/* A session that does not read loses messages rather than grow without bound. */
static void enqueue(struct session *session, struct message *message)
{
    if (session->count == QUEUE) return;
    message->references++;
    session->queue[(session->first + session->count++) % QUEUE] = message;
    if (session->count == QUEUE / 2) lws_rx_flow_control(session->wsi, 0);
    lws_callback_on_writable(session->wsi);
}

/* Adds a piece to the message that is arriving; returns the message when it is whole. */
static struct message *arrived(struct session *session, const void *in, size_t length)
{
    struct message *message = session->arriving;
    size_t before = message ? message->length : 0;
    struct message *larger = realloc(message, sizeof *message + LWS_PRE + before + length);
    if (!larger) return NULL;
    memcpy(larger->bytes + LWS_PRE + before, in, length);
    larger->references = 1;
    larger->length = before + length;
    larger->binary = lws_frame_is_binary(session->wsi);
    session->arriving = larger;
    if (lws_remaining_packet_payload(session->wsi) || !lws_is_final_fragment(session->wsi)) return NULL;
    session->arriving = NULL;
    return larger;
}

static int send_first(struct session *session)
{
    if (session->count == 0) return 0;
    struct message *message = session->queue[session->first];
    int sent = lws_write(session->wsi, message->bytes + LWS_PRE, message->length,
                         message->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
    session->first = (session->first + 1) % QUEUE;
    if (--session->count == QUEUE / 4) lws_rx_flow_control(session->wsi, 1);
    release(message);
    if (sent < 0) return -1;
    if (session->count > 0) lws_callback_on_writable(session->wsi);
    return 0;
}

static void leave(struct session *session)
{
    for (struct session **at = &audience; *at; at = &(*at)->next)
        if (*at == session) { *at = session->next; break; }
    while (session->count > 0) {
        release(session->queue[session->first]);
        session->first = (session->first + 1) % QUEUE;
        session->count--;
    }
    release(session->arriving);
}

static int on_session(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
    struct session *session = user;

    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        memset(session, 0, sizeof *session);
        session->wsi = wsi;
        session->broadcasts = strcmp(lws_get_protocol(wsi)->name, "broadcast") == 0;
        if (session->broadcasts) { session->next = audience; audience = session; }
        return 0;
    case LWS_CALLBACK_RECEIVE: {
        struct message *message = arrived(session, in, length);
        if (!message) return 0;
        if (!session->broadcasts) enqueue(session, message);
        else for (struct session *each = audience; each; each = each->next) enqueue(each, message);
        release(message);
        return 0;
    }
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return send_first(session);
    case LWS_CALLBACK_CLOSED:
        leave(session);
        return 0;
    default:
        return 0;
    }
}

/* The end of the input ends the process, so that none outlives the bench. */
static void *watch_input(void *unused)
{
    char byte;
    while (read(0, &byte, 1) > 0) {}
    _exit(0);
    return unused;
}

int main(int argc, char **argv)
{
    static const struct lws_protocols protocols[] = {
        {.name = "echo", .callback = on_session, .per_session_data_size = sizeof(struct session), .rx_buffer_size = 65536},
        {.name = "broadcast", .callback = on_session, .per_session_data_size = sizeof(struct session), .rx_buffer_size = 65536},
        {.name = NULL},
    };
    struct lws_context_creation_info info = {.port = argc > 1 ? atoi(argv[1]) : 7681, .protocols = protocols};
    pthread_t watcher;

    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context *context = lws_create_context(&info);
    if (!context) return 1;
    printf("listening on %d\n", info.port);
    fflush(stdout);
    pthread_create(&watcher, NULL, watch_input, NULL);
    while (lws_service(context, 0) >= 0) {}
    lws_context_destroy(context);
    return 0;
}
