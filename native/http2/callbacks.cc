// The C functions that nghttp2 calls, each of them only a way to the session's method.
#include "base/check.h"
#include "http2/nghttp-session.h"

namespace mesh::http2 {
namespace {

std::string_view view(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

struct Callbacks {
  static NghttpSession& self(void* user) { return *static_cast<NghttpSession*>(user); }

  static ssize_t send(nghttp2_session*, const uint8_t* data, size_t size, int, void* user) {
    return self(user).onSend(view(data, size));
  }
  static int beginFrame(nghttp2_session*, const nghttp2_frame_hd* header, void* user) {
    return self(user).onFrameBegin(*header);
  }
  static int beginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return self(user).onHeadersBegin(*frame);
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                    nghttp2_rcbuf* value, uint8_t flags, void* user) {
    const bool neverIndexed = (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0;
    return self(user).onHeader(*frame, name, value, neverIndexed);
  }
  // nghttp2 would drop the field and go on: RFC 9113 §8.2.1 makes the whole message malformed.
  static int invalidHeader(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*, nghttp2_rcbuf*,
                           uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return self(user).onFrameReceived(*frame);
  }
  static int invalidFrame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    return self(user).onInvalidFrame(*frame);
  }
  static int dataChunk(nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size,
                       void* user) {
    return self(user).onDataChunk(stream, view(data, size));
  }
  static int streamClosed(nghttp2_session*, int32_t stream, uint32_t code, void* user) {
    return self(user).onStreamClosed(stream, code);
  }
  static int sendData(nghttp2_session*, nghttp2_frame* frame, const uint8_t* header, size_t size,
                      nghttp2_data_source*, void* user) {
    constexpr size_t FRAME_HEADER_BYTES = 9;
    return self(user).onDataFrame(frame->hd.stream_id, view(header, FRAME_HEADER_BYTES), size);
  }
  static int frameSent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return self(user).onFrameSent(*frame);
  }
  static int frameNotSent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    return self(user).onFrameNotSent(*frame);
  }
  static ssize_t readData(nghttp2_session*, int32_t stream, uint8_t*, size_t size, uint32_t* flags,
                          nghttp2_data_source*, void* user) {
    return self(user).onDataWanted(stream, size, *flags);
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* all = nullptr;
    MESH_CHECK(nghttp2_session_callbacks_new(&all) == 0);
    nghttp2_session_callbacks_set_send_callback(all, send);
    nghttp2_session_callbacks_set_on_begin_frame_callback(all, beginFrame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, beginHeaders);
    nghttp2_session_callbacks_set_on_header_callback2(all, header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(all, invalidHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(all, invalidFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, dataChunk);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, streamClosed);
    nghttp2_session_callbacks_set_send_data_callback(all, sendData);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, frameSent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(all, frameNotSent);
    return all;
  }
};

const nghttp2_session_callbacks* sessionCallbacks() {
  static const nghttp2_session_callbacks* const callbacks = Callbacks::make();
  return callbacks;
}

nghttp2_data_provider dataProvider() {
  return {.source = {}, .read_callback = Callbacks::readData};
}

}  // namespace mesh::http2
