// SPDX-License-Identifier: Apache-2.0
//
// An operation of the core as a resource of the VM.
//
//  1. The process that opens it owns it. Only the owner steps and closes it, so of these calls no
//     two run at once. The resource monitors the owner.
//  2. What can run beside them is on_down, when the owner is killed while it is in the NIF. Whoever
//     works on the operation holds the bit `busy`. on_down never waits for it: it leaves the bit
//     `ended` behind, which the holder finds when it gives `busy` back, and sees to the end then.
//  3. An operation whose descriptor was ever selected is destroyed in the stop callback that
//     ERL_NIF_SELECT_STOP leads to, and nowhere else: until then the VM may poll the descriptor.
//     One that wasn't is destroyed at its end. Once `stopped` is set only the stop callback touches
//     it.
//  4. The destructor runs when neither a process nor a selection holds the resource. An operation
//     that is left then was never selected.
//  5. The VM keeps a library loaded, and its private data, while resources of its types live. Each
//     loading therefore has a type of its own and takes none over: an operation's code is always
//     that of the library which opened it.
#pragma once

#include <atomic>
#include <memory>

#include <erl_nif.h>

#include "barnacle_core.hpp"

namespace barnacle {

class OperationResource {
 public:
    // How many operations live: opened, and not yet destroyed.
    using LiveCount = std::atomic<long>;

    // A new type for the library that is being loaded; null when the VM gives none.
    static ErlNifResourceType* open_type(ErlNifEnv* env);

    // The operation as a term, owned by `owner`, the calling process. {select, Term, Ref,
    // ready_input} is what that gets when the operation wants a step. `live` must outlive the
    // type's resources.
    static ERL_NIF_TERM make(ErlNifEnv* env, ErlNifResourceType* type, LiveCount& live,
                             std::unique_ptr<Operation> operation, ErlNifPid owner,
                             ERL_NIF_TERM ref) noexcept;

    OperationResource(LiveCount& live, std::unique_ptr<Operation> operation, ErlNifPid owner,
                      ERL_NIF_TERM ref) noexcept;  // for make
    ~OperationResource();
    OperationResource(const OperationResource&) = delete;
    OperationResource& operator=(const OperationResource&) = delete;

    // Whether the calling process is the owner.
    [[nodiscard]] bool is_owner(ErlNifEnv* env) const noexcept;

    // Whether step and close take so little time that they need no dirty scheduler.
    [[nodiscard]] bool is_short() const noexcept { return is_short_; }

    // For the owner: what barnacle_nif:step/1 and close/1 do.
    ERL_NIF_TERM step(ErlNifEnv* env) noexcept;
    void close(ErlNifEnv* env) noexcept;

 private:
    static void on_down(ErlNifEnv* env, void* object, ErlNifPid* owner, ErlNifMonitor* monitor);
    static void on_stop(ErlNifEnv* env, void* object, ErlNifEvent event, int is_direct_call);
    static void on_destroy(ErlNifEnv* env, void* object);

    ERL_NIF_TERM step_busy(ErlNifEnv* env) noexcept;
    void end(ErlNifEnv* env) noexcept;
    void release(ErlNifEnv* env) noexcept;
    void stop(ErlNifEnv* env) noexcept;
    void destroy_operation() noexcept;

    struct FreeEnv {
        void operator()(ErlNifEnv* env) const noexcept { enif_free_env(env); }
    };

    LiveCount& live_;
    std::unique_ptr<Operation> operation_;
    const bool is_short_;
    const ErlNifPid owner_;
    ErlNifMonitor monitor_{};
    std::unique_ptr<ErlNifEnv, FreeEnv> ref_env_;
    const ERL_NIF_TERM ref_;  // in ref_env_
    bool selected_ = false;
    std::atomic<unsigned> state_{0};
};

}  // namespace barnacle
